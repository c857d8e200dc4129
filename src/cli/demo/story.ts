// What the demo tells of a session when it is over: who, on what, allowed by which policy, from when to
// when, how it ended, and what is on the log.

import { describeEndReason, isEndReason } from '../../core/end-reason.ts';
import { printable } from '../../core/printable.ts';
import { run } from './program.ts';
import type { Stage } from './stage.ts';

interface Named {
  readonly name: string;
}
interface SessionFacts {
  readonly id: string;
  readonly identity: Named;
  readonly target: string;
  readonly kind: string;
  readonly policies: readonly string[];
  readonly createdAt: string;
  readonly endedAt?: string;
  readonly endReason?: string;
  readonly endDetail?: string;
  readonly teardown?: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
}
interface EventFacts {
  readonly seq: number;
  readonly type: string;
  readonly time: string;
  readonly code?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** The newest session, once the device's teardown receipt is in or `tries` looks are used up. */
export async function lastSession(stage: Stage, tries = 25): Promise<SessionFacts | undefined> {
  let last: SessionFacts | undefined;
  for (let turn = 0; turn < tries; turn += 1) {
    const { stdout } = await run(['sessions', 'ls', '--all', '--json'], stage.admin);
    last = (JSON.parse(stdout) as readonly SessionFacts[]).toSorted((one, two) =>
      two.createdAt.localeCompare(one.createdAt),
    )[0];
    if (last?.teardown === 'confirmed') return last;
  }
  return last;
}

export async function eventsOf(stage: Stage, session: string): Promise<readonly EventFacts[]> {
  const { stdout } = await run(['audit', 'search', '--session', session, '--json'], stage.admin);
  return JSON.parse(stdout) as readonly EventFacts[];
}

export async function tellStory(stage: Stage): Promise<string> {
  const session = await lastSession(stage);
  if (session === undefined) return 'no session was opened\n';
  const events = await eventsOf(stage, session.id);
  const receipt = events.find((event) => event.type === 'teardown.confirmed');
  const lines = [
    '',
    `  who      ${printable(session.identity.name)}, ${session.kind} on "${printable(session.target)}"`,
    `  allowed  by policy ${session.policies.map((id) => `"${printable(id)}"`).join(', ')}`,
    `  when     ${session.createdAt} to ${session.endedAt ?? 'now'}`,
    `  end      ${session.endReason !== undefined && isEndReason(session.endReason) ? describeEndReason(session.endReason) : 'still open'}${session.endDetail === undefined ? '' : ` (${printable(session.endDetail)})`}`,
    `  device   ${receipt === undefined ? 'has not confirmed the teardown yet' : `confirmed: ${String(receipt.body?.['method'])}, ${String(receipt.body?.['processesLeft'])} processes left`}`,
    `  log      ${events.map((event) => `#${event.seq} ${event.type}`).join(', ')}`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}
