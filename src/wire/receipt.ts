// The teardown receipt: what the device says it did when a session ended, signed by its key and
// sent by the api, past the gate.

import { complete, text, whole, type Fields } from './fields.ts';

export interface Receipt {
  readonly device: string;
  readonly session: string;
  /** How processes were reached: a cgroup reaches what setsid hid, a process group does not. */
  readonly method: 'cgroup' | 'process_group' | 'nothing_started';
  readonly processesLeft: number;
  readonly socketsLeft: number;
  readonly channels: number;
  /** Why the agent ended it, as far as the agent knows. */
  readonly cause:
    | 'finished'
    | 'not_leased'
    | 'lease_expired'
    | 'deadline'
    | 'link_lost'
    | 'idle'
    | 'agent_stopped'
    | 'agent_restarted'
    /** Asked for by a welcome: nothing of it ever reached this agent, or all of it is long gone. */
    | 'unknown_here'
    /** The device's owner typed `agent cut`, or his new rules no longer allow it. */
    | 'owner_cut'
    /** The longest session that the device's owner allows. */
    | 'owner_limit';
  /** The device's own clock by signed time, Unix ms. */
  readonly endedAt: number;
}

const methods: ReadonlySet<unknown> = new Set<Receipt['method']>([
  'cgroup',
  'process_group',
  'nothing_started',
]);
const causes: ReadonlySet<unknown> = new Set<Receipt['cause']>([
  'finished',
  'not_leased',
  'lease_expired',
  'deadline',
  'link_lost',
  'idle',
  'agent_stopped',
  'agent_restarted',
  'unknown_here',
  'owner_cut',
  'owner_limit',
]);

export function readReceipt(fields: Fields): Receipt | undefined {
  return complete<Receipt>({
    device: text(fields, 'device'),
    session: text(fields, 'session'),
    method: methods.has(fields['method']) ? (fields['method'] as Receipt['method']) : undefined,
    processesLeft: whole(fields, 'processesLeft'),
    socketsLeft: whole(fields, 'socketsLeft'),
    channels: whole(fields, 'channels'),
    cause: causes.has(fields['cause']) ? (fields['cause'] as Receipt['cause']) : undefined,
    endedAt: whole(fields, 'endedAt'),
  });
}
