// Use-cases: place and lift a lock. A lock acts before it is written (design 1.4): it is in force in
// memory and has cut what it matches before its event is committed, and nothing opens until that is
// durable, because the store refuses ordinary commits while its reserve holds anything.

import type { EventActor, EventDraft } from '../../core/event.ts';
import { newId, type IdentityId, type LockId, type SessionId } from '../../core/ids.ts';
import { lockMatches, type Lock, type LockSelector } from '../../core/lock.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { cutNow, recordEnds } from './cut-sessions.ts';
import { reviewApproved } from './review-sessions.ts';

export interface LockOrder {
  readonly tenant: string;
  readonly selector: LockSelector;
  readonly reason: string;
  readonly by: EventActor;
  readonly createdBy: IdentityId | 'system';
  readonly expiresAt?: number;
  /** What else belongs into the same commit. */
  readonly changes?: readonly Change[];
  readonly events?: readonly EventDraft[];
}

export interface Placed {
  readonly lock: Lock;
  readonly cut: readonly SessionId[];
}

export async function placeLock(ctx: AuthorityContext, order: LockOrder): Promise<Placed> {
  const now = ctx.clock.now();
  const lock: Lock = {
    id: newId('lck', ctx.random.bytes(16)),
    tenant: order.tenant,
    selector: order.selector,
    reason: order.reason,
    createdBy: order.createdBy,
    createdAt: now,
    ...(order.expiresAt === undefined ? {} : { expiresAt: order.expiresAt }),
  };

  ctx.locks.add(lock);
  const cut = cutNow(
    ctx,
    ctx.sessions.matching((subject) => lockMatches(lock, subject, now)),
    'lock',
  );
  if (lock.selector.kind === 'device') ctx.gates.closeLinkOf(lock.selector.id, 'lock');
  if (lock.selector.kind === 'tenant') ctx.gates.closeLinksOfTenant(lock.selector.id, 'lock');

  await recordEnds(ctx, cut, {
    reason: 'lock',
    by: order.by,
    detail: `${lock.id} "${lock.reason}"`,
    first: {
      changes: [{ put: 'lock', value: lock }, ...(order.changes ?? [])],
      events: [created(lock, order.by, cut.length), ...(order.events ?? [])],
    },
  });
  // Whose approval holds a session counts no more once he is locked.
  if (['identity', 'role', 'vendor', 'tenant'].includes(lock.selector.kind)) await reviewApproved(ctx);
  return { lock, cut: cut.map((live) => live.id) };
}

/** False when there is no such lock. Lifting waits for durability, as opening does. */
export async function liftLock(
  ctx: AuthorityContext,
  order: { readonly lock: LockId; readonly by: EventActor },
): Promise<boolean> {
  const stored = await ctx.store.get('lock', order.lock);
  if (stored === undefined) return false;
  await ctx.store.commit({
    changes: [{ delete: 'lock', id: order.lock, rev: stored.rev }],
    events: [
      {
        type: 'lock.removed',
        actor: order.by,
        outcome: 'success',
        lock: order.lock,
        body: {
          kind: stored.value.selector.kind,
          subject: stored.value.selector.id,
          reason: stored.value.reason,
        },
      },
    ],
  });
  ctx.locks.remove(order.lock);
  return true;
}

function created(lock: Lock, by: EventActor, sessionsCut: number): EventDraft {
  const subject =
    lock.selector.kind === 'identity'
      ? { identity: lock.selector.id }
      : lock.selector.kind === 'device'
        ? { device: lock.selector.id }
        : lock.selector.kind === 'session'
          ? { session: lock.selector.id }
          : lock.selector.kind === 'service'
            ? { service: lock.selector.id }
            : {};
  // Those that are no records have their names there.
  const named = Object.keys(subject).length === 0 ? { subject: lock.selector.id } : {};
  return {
    type: 'lock.created',
    actor: by,
    outcome: 'success',
    lock: lock.id,
    ...subject,
    body: { kind: lock.selector.kind, ...named, reason: lock.reason, sessionsCut },
  };
}
