// A session's life as one table (design section 6). `step` is the only way from one state to the next;
// terminal states accept nothing; an illegal move throws and changes nothing.

import type { EndReason } from './end-reason.ts';

export type SessionState =
  | 'requested'
  | 'denied'
  | 'pending'
  | 'waiting_device'
  | 'approved'
  | 'issued'
  | 'connecting'
  | 'active'
  | 'suspended'
  | 'terminating'
  | 'closed'
  | 'sealed';

export type SessionEvent =
  | { readonly type: 'deny' }
  | { readonly type: 'await_approval' }
  | { readonly type: 'await_device' }
  | { readonly type: 'approve' }
  | { readonly type: 'issue' }
  | { readonly type: 'connect' }
  | { readonly type: 'activate' }
  | { readonly type: 'suspend' }
  | { readonly type: 'resume' }
  | { readonly type: 'end'; readonly reason: EndReason }
  | { readonly type: 'close' }
  | { readonly type: 'seal' };

/** The part of a session that `step` reads and writes. Times are Unix milliseconds. */
export interface SessionLife {
  readonly state: SessionState;
  readonly activeAt?: number;
  readonly endedAt?: number;
  readonly endReason?: EndReason;
  readonly closedAt?: number;
}

type Moves = Readonly<Partial<Record<SessionEvent['type'], SessionState>>>;

// `terminating` = no byte moves any more, the device's receipt is awaited; `closed` = the receipt (or
// its absence) is known; `sealed` = receipt, recording digests and log inclusion are joined.
const table: Readonly<Record<SessionState, Moves>> = {
  requested: { deny: 'denied', await_approval: 'pending', approve: 'approved' },
  denied: {},
  pending: { deny: 'denied', approve: 'approved', await_device: 'waiting_device', end: 'closed' },
  waiting_device: { deny: 'denied', approve: 'approved', end: 'closed' },
  approved: { issue: 'issued', deny: 'denied', end: 'closed' },
  issued: { connect: 'connecting', end: 'terminating' },
  connecting: { activate: 'active', end: 'terminating' },
  active: { suspend: 'suspended', end: 'terminating' },
  suspended: { resume: 'active', end: 'terminating' },
  terminating: { close: 'closed' },
  closed: { seal: 'sealed' },
  sealed: {},
};

export class IllegalMove extends Error {
  constructor(state: SessionState, event: SessionEvent['type']) {
    super(`a session that is ${state} cannot ${event}`);
    this.name = 'IllegalMove';
  }
}

export function canStep(state: SessionState, event: SessionEvent['type']): boolean {
  return table[state][event] !== undefined;
}

/** The life after `event` at `now` (Unix ms). Throws IllegalMove; the given life is never changed. */
export function step(life: SessionLife, event: SessionEvent, now: number): SessionLife {
  const state = table[life.state][event.type];
  if (state === undefined) throw new IllegalMove(life.state, event.type);
  return {
    ...life,
    state,
    ...(event.type === 'activate' ? { activeAt: now } : {}),
    ...(event.type === 'end' ? { endedAt: now, endReason: event.reason } : {}),
    ...(state === 'closed' ? { closedAt: now } : {}),
  };
}

/** States in which a byte may move or a channel may still be opened. */
export const liveStates: ReadonlySet<SessionState> = new Set(['issued', 'connecting', 'active', 'suspended']);

export function isLive(state: SessionState): boolean {
  return liveStates.has(state);
}
