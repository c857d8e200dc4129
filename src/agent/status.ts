// What the agent says of itself to its local owner, and how `agent status` asks for it.

import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import type { DialState } from '../link/reconnect.ts';
import type { ApprovalCheck } from '../core/approver-set.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Opened } from './break-glass/on-site.ts';
import type { Pinned } from './break-glass/pinned-keys.ts';
import type { AgentLink } from './link.ts';
import { orderAgent } from './local-socket.ts';
import type { Owner } from './owner/owner.ts';
import type { Clock } from '../platform/clock.ts';
import { noRules } from './owner/rules.ts';
import type { Processes } from './services/processes.ts';
import { defaultStateDir, loadState, type AgentState } from './state.ts';

export interface RunningStatus {
  readonly pid: number;
  readonly version: string;
  readonly link: 'up' | 'connecting' | 'waiting' | 'stopped';
  /** "host:port" that the broker was dialled at last. */
  readonly address: string;
  /** Why there is no link, and what to do. */
  readonly error?: string;
  readonly next?: string;
  /** "host:port" of the proxy that the link goes through. */
  readonly proxy?: string;
  /** How much a session's end can reach here. */
  readonly teardown: Processes['method'];
  readonly receiptsWaiting: number;
  readonly sessions: readonly {
    readonly id: string;
    readonly name: string;
    readonly target: string;
    readonly kind: string;
    /** RFC 3339, by the broker's time. */
    readonly startedAt: string;
    readonly endsAt: string;
    readonly channels: number;
  }[];
  /** Who waits for consent on this machine. */
  readonly waiting: readonly {
    readonly session: string;
    readonly name: string;
    readonly target: string;
    readonly kind: string;
    /** RFC 3339, by this machine's time. */
    readonly since: string;
    readonly until: string;
  }[];
  /** Offline keys that open this device on site, and who is in by them. */
  readonly breakGlass?: {
    readonly need: number;
    readonly keys: readonly string[];
    readonly pinnedBy: Pinned['by'];
    readonly open?: Opened;
  };
  readonly owner: {
    /** Whether an agent.yaml narrows what the broker may ask for. */
    readonly hasRules: boolean;
    readonly consent: 'required' | 'not_required';
    /** How long consent given to all still lasts. */
    readonly consentForMs: number;
    /** Whether approvals are looked at here, and by which set. */
    readonly approvals: ApprovalCheck;
    readonly approverSet?: {
      readonly version: number;
      /** RFC 3339. */
      readonly expiresAt: string;
    };
  };
}

export interface AgentStatus {
  readonly dir: string;
  readonly device?: {
    readonly id: string;
    readonly name: string;
    readonly broker: string;
    readonly address: string;
    /** RFC 3339. */
    readonly certificateNotAfter: string;
  };
  /** Absent: no agent runs on this directory. */
  readonly running?: RunningStatus;
}

export async function agentStatus(
  options: { readonly state?: string | undefined } = {},
): Promise<AgentStatus> {
  const dir = options.state ?? defaultStateDir();
  const state = await loadState(dir);
  if (state === undefined) return { dir };
  const running = await orderAgent(dir, { do: 'status' });
  const { deviceId: id, name, broker, address, certificate } = state;
  const certificateNotAfter = new X509Certificate(certificate).validToDate.toISOString();
  return {
    dir,
    device: { id, name, broker, address, certificateNotAfter },
    // Written by our own agent, behind a directory that only its owner enters.
    ...(running === undefined ? {} : { running: running as unknown as RunningStatus }),
  };
}

export function describeStatus(facts: {
  readonly state: AgentState;
  readonly version: string;
  readonly dial: DialState<AgentLink>;
  readonly link: AgentLink | undefined;
  readonly teardown: Processes['method'];
  readonly receiptsWaiting: number;
  readonly owner: Owner;
  readonly approvals: Approvals;
  readonly proxy: OutboundProxy | undefined;
  readonly address: string;
  readonly clock: Clock;
  readonly keys: Pinned | undefined;
  readonly onSite: Opened | undefined;
}): RunningStatus {
  const { dial, link, version, teardown, receiptsWaiting, owner, approvals, proxy, address, clock } = facts;
  const { check, set } = approvals.state;
  const fault = dial.state === 'waiting' ? dial.error : undefined;
  const next = fault instanceof SallyportError ? fault.next : undefined;
  const wallTime = (bootMs: number): string => new Date(clock.now() + bootMs - clock.bootMs()).toISOString();
  return {
    pid: process.pid,
    version,
    link: linkWord(dial, link),
    address,
    ...(fault === undefined ? {} : { error: fault.message }),
    ...(next === undefined ? {} : { next }),
    ...(proxy === undefined ? {} : { proxy: proxy.name }),
    teardown,
    receiptsWaiting,
    sessions: (link?.table.sessions ?? []).map((session) => ({
      id: session.id,
      name: session.name,
      target: session.target,
      kind: session.kind,
      startedAt: new Date(session.startedAt).toISOString(),
      endsAt: new Date(session.endsAt).toISOString(),
      channels: session.channelCount,
    })),
    waiting: owner.consent.waiting.map(({ since, until, ...about }) => ({
      ...about,
      since: wallTime(since),
      until: wallTime(until),
    })),
    ...describeKeys(facts),
    owner: {
      hasRules: owner.rules !== noRules,
      consent: owner.rules.isConsentRequired ? 'required' : 'not_required',
      consentForMs: Math.round(owner.consent.openForMs),
      approvals: check,
      ...(set === undefined
        ? {}
        : { approverSet: { version: set.version, expiresAt: new Date(set.expiresAt).toISOString() } }),
    },
  };
}

function describeKeys({
  keys: pinned,
  onSite,
}: {
  readonly keys: Pinned | undefined;
  readonly onSite: Opened | undefined;
}): Pick<RunningStatus, 'breakGlass'> {
  if (pinned === undefined || (pinned.keys.keys.length === 0 && onSite === undefined)) return {};
  const { need, keys } = pinned.keys;
  const open = onSite === undefined ? {} : { open: onSite };
  return { breakGlass: { need, keys: keys.map(({ name }) => name), pinnedBy: pinned.by, ...open } };
}

function linkWord(dial: DialState<AgentLink>, link: AgentLink | undefined): RunningStatus['link'] {
  switch (dial.state) {
    case 'up':
      return link?.isWelcomed === true ? 'up' : 'connecting';
    case 'dialling':
      return 'connecting';
    case 'waiting':
    case 'stopped':
      return dial.state;
    default:
      return dial satisfies never;
  }
}
