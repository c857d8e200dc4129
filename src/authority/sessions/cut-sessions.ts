// Ending sessions. The cut acts first and cannot fail: orders to the gates, new leases to the devices.
// What it means for the record follows, through the store's reserve when the disk is full (design 1.4).

import type { EndReason } from '../../core/end-reason.ts';
import type { EventActor, EventDraft } from '../../core/event.ts';
import type { SessionId } from '../../core/ids.ts';
import { canStep, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import type { AuthorityContext } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';
import type { Change, Commit } from '../store/store.ts';
import { sendLease } from './leases.ts';
import type { LiveSession } from './live-sessions.ts';

export interface End {
  readonly reason: EndReason;
  readonly by: EventActor;
  /** In words, for the session's own operator and the log: a lock's reason, who ended it. */
  readonly detail?: string;
}

/** Keeps an order far below what a gate takes as one line. */
const sessionsPerOrder = 1_000;

/**
 * Stops the bytes of these sessions, now. Returns those that were live; recordEnds is owed for them.
 * Synchronous on purpose.
 */
export function cutNow(
  ctx: AuthorityContext,
  ids: Iterable<SessionId>,
  reason: EndReason,
): readonly LiveSession[] {
  const cut: LiveSession[] = [];
  const links = new Set<LiveLink>();
  const perGate = new Map<string, SessionId[]>();
  for (const id of ids) {
    const live = ctx.sessions.remove(id);
    if (live === undefined) continue;
    const ofGate = perGate.get(live.gate) ?? [];
    perGate.set(live.gate, ofGate);
    ofGate.push(id);
    const link = ctx.gates.link(live.link);
    if (link?.sessions.delete(id) === true) links.add(link);
    cut.push(live);
  }
  for (const [gate, all] of perGate) {
    for (let at = 0; at < all.length; at += sessionsPerOrder) {
      ctx.gates.send(gate, { type: 'cut', sessions: all.slice(at, at + sessionsPerOrder), reason });
    }
  }
  for (const link of links) sendLease(ctx, link);
  return cut;
}

/** Writes the ends of these sessions; `first` is what goes before them in the same commit. */
export async function recordEnds(
  ctx: AuthorityContext,
  cut: readonly LiveSession[],
  end: End & { readonly first?: Commit },
): Promise<void> {
  try {
    // The orders leave with the next turn; what follows is long for many sessions, and may not have one in it.
    await new Promise((resolve) => setImmediate(resolve));
    const { whole } = ctx;
    const { changes, events } = await endingOf(whole, cut, end);
    const { first = { changes: [], events: [] } } = end;
    await whole.store.commitCut({
      changes: [...first.changes, ...changes],
      events: [...first.events, ...events],
    });
  } finally {
    for (const { id } of cut) ctx.sessions.recorded(id);
  }
}

async function endingOf(ctx: AuthorityContext, cut: readonly LiveSession[], end: End): Promise<Commit> {
  const changes: Change[] = [];
  const events: EventDraft[] = [];
  for (const live of cut) {
    const stored = await ctx.store.get('session', live.id);
    if (stored === undefined || !canStep(stored.value.state, 'end')) continue;
    const session = ended(stored.value, end, ctx.clock.now());
    changes.push({ put: 'session', value: session });
    events.push({
      type: 'session.ended',
      actor: end.by,
      outcome: 'success',
      code: end.reason,
      identity: session.identity,
      device: session.device,
      session: session.id,
      body: {
        target: session.target,
        bytesUp: session.bytesUp,
        bytesDown: session.bytesDown,
        channels: session.channels,
        ...(end.detail === undefined ? {} : { detail: end.detail }),
      },
    });
  }
  return { changes, events };
}

/** Nothing was opened: there is nothing to tear down, so the session is closed at once. */
function ended(session: Session, end: End, now: number): Session {
  const terminating: Session = {
    ...session,
    ...step(session, { type: 'end', reason: end.reason }, now),
    ...(end.detail === undefined ? {} : { endDetail: end.detail }),
  };
  if (session.state !== 'issued') return { ...terminating, teardown: 'pending' };
  return { ...terminating, ...step(terminating, { type: 'close' }, now) };
}
