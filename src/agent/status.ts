// What the agent says of itself to its local owner, and how `agent status` asks for it.

import { X509Certificate } from 'node:crypto';
import type { DialState } from '../link/reconnect.ts';
import type { AgentLink } from './link.ts';
import { askStatus } from './local-socket.ts';
import type { Processes } from './services/processes.ts';
import { defaultStateDir, loadState, type AgentState } from './state.ts';

export interface RunningStatus {
  readonly pid: number;
  readonly version: string;
  readonly link: 'up' | 'connecting' | 'waiting' | 'stopped';
  /** Why there is no link. */
  readonly error?: string;
  /** How much a session's end can reach here. */
  readonly teardown: Processes['method'];
  readonly receiptsWaiting: number;
  readonly sessions: readonly {
    readonly id: string;
    readonly name: string;
    readonly target: string;
    /** RFC 3339, by the broker's time. */
    readonly startedAt: string;
    readonly channels: number;
  }[];
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
  const running = await askStatus(dir);
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
}): RunningStatus {
  const { dial, link, version, teardown, receiptsWaiting } = facts;
  const error = dial.state === 'waiting' ? dial.error?.message : undefined;
  return {
    pid: process.pid,
    version,
    link: linkWord(dial, link),
    ...(error === undefined ? {} : { error }),
    teardown,
    receiptsWaiting,
    sessions: (link?.table.sessions ?? []).map((session) => ({
      id: session.id,
      name: session.name,
      target: session.target,
      startedAt: new Date(session.startedAt).toISOString(),
      channels: session.channelCount,
    })),
  };
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
