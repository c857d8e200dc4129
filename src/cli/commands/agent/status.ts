// sallyport agent status: asks the agent on this machine by its unix socket. Exit status 0 = its link is up.

import { resolve } from 'node:path';
import { agentStatus, type AgentStatus } from '../../../agent/status.ts';
import { formatDuration } from '../../../core/duration.ts';
import { exitStatus } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printFields, printJson } from '../../output.ts';

export interface AgentStatusOptions extends CommonOptions {
  readonly state?: string;
}

export async function run(options: AgentStatusOptions): Promise<number> {
  const state = options.state === undefined ? undefined : resolve(options.state);
  const status = await agentStatus({ state });
  if (options.json === true) printJson(status);
  else show(status);
  return status.running?.link === 'up' ? exitStatus.done : exitStatus.failed;
}

function show({ dir, device, running }: AgentStatus): void {
  if (device === undefined) {
    print(`no device has joined from "${printable(dir)}"`);
    print('next: sallyport agent join ADDRESS --token …');
    return;
  }
  printFields([
    ['device', `${device.name} (${device.id})`],
    ['broker', running?.address ?? device.address],
    ['certificate', `until ${device.certificateNotAfter}`],
    [
      'agent',
      running === undefined ? 'not running' : `running, pid ${running.pid}, version ${running.version}`,
    ],
    ['link', running?.link],
    ['through proxy', running?.proxy],
    ['why', running?.error],
    ['next', running?.next],
    ['ends sessions by', running?.teardown.replace('_', ' ')],
    ['receipts waiting', running === undefined ? undefined : String(running.receiptsWaiting)],
    ["owner's rules", running === undefined ? undefined : running.owner.hasRules ? 'agent.yaml' : 'none'],
    ['consent', running === undefined ? undefined : consentWords(running.owner)],
    ['approvals', running === undefined ? undefined : approvalWords(running.owner)],
    ['break-glass', running === undefined ? undefined : breakGlassWords(running.breakGlass)],
    ['sessions', running === undefined ? undefined : String(running.sessions.length)],
  ]);
  for (const { id, name, target, kind, startedAt, endsAt } of running?.sessions ?? []) {
    print(
      `  ${[id, name, kind, target].map((text) => printable(text)).join('  ')}  since ${startedAt}  until ${endsAt}`,
    );
  }
  for (const { session, name, target, kind, until } of running?.waiting ?? []) {
    print(
      `  ${[session, name, kind, target].map((text) => printable(text)).join('  ')}  waits for consent until ${until}`,
    );
  }
  const [first] = running?.waiting ?? [];
  if (first !== undefined) print(`next: sallyport agent allow --session ${printable(first.session)}`);
  if (running === undefined) print('next: sallyport agent run');
}

function breakGlassWords(known: NonNullable<AgentStatus['running']>['breakGlass']): string | undefined {
  if (known === undefined) return undefined;
  const { need, keys, pinnedBy, open } = known;
  const whose = pinnedBy === 'broker' ? "the broker's" : 'pinned here';
  const names = keys.map((name) => printable(name)).join(', ');
  const live = open === undefined ? '' : `; ${printable(open.person)} is in until ${open.endsAt}`;
  return `${need} of ${keys.length} offline keys open it on site (${names}; ${whose})${live}`;
}

function approvalWords({
  approvals,
  approverSet,
}: NonNullable<AgentStatus['running']>['owner']): string | undefined {
  if (approvals === 'off' && approverSet === undefined) return undefined;
  const how = approvals === 'off' ? 'left to the broker' : `looked at here (${approvals})`;
  if (approverSet === undefined) return `${how}, and no approver set is pinned: nobody gets in`;
  return `${how}, approver set ${approverSet.version} until ${approverSet.expiresAt}`;
}

function consentWords({ consent, consentForMs }: NonNullable<AgentStatus['running']>['owner']): string {
  if (consent === 'not_required') return 'not required';
  return consentForMs > 0 ? `given for ${formatDuration(consentForMs)}` : 'required, and not given';
}
