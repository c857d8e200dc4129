// Use-case: somebody from a vendor says that the work is done (S-04), or his sponsor says so: he is nobody here from
// then on. His keys, passkeys and sign-ins are worth nothing, what he asked for is taken back, what he has open is cut.

import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import { concernsIdentity } from '../../core/lock.ts';
import { stepRequest } from '../../core/request.ts';
import { eachRecord } from '../admin/each-record.ts';
import { requireIdentity } from '../admin/find.ts';
import { actor, may, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { endedWaysIn } from '../enroll/ways-in.ts';
import { endSessions } from '../sessions/end-session.ts';
import type { Change } from '../store/store.ts';

/** Without a name: the caller's own work. */
export async function workDone(
  ctx: AuthorityContext,
  caller: Operator,
  name: string | undefined,
): Promise<{ readonly done: true }> {
  const identity = await requireGuest(ctx, caller, name);
  const { id, vendor = '' } = identity;
  const stored = await ctx.store.get('identity', id);
  if (stored === undefined) throw new SallyportError('not_found', `there is no identity "${identity.name}"`);
  const now = ctx.clock.now();
  const ended = await endedWaysIn(ctx, id);
  const taken = await takenBack(ctx, caller, id);
  await ctx.store.commit({
    changes: [
      { put: 'identity', value: { ...stored.value, expiresAt: now }, rev: stored.rev },
      ...ended.changes,
      ...taken.changes,
    ],
    events: [
      {
        type: 'vendor.done',
        actor: actor(caller),
        outcome: 'success',
        identity: id,
        body: { name: identity.name, vendor, by: caller.identity.name, passkeysRemoved: ended.passkeys },
      },
      ...taken.events,
    ],
  });
  await endSessions(
    ctx,
    ctx.sessions.matching((subject) => concernsIdentity(subject, id)),
    { reason: 'operator_gone', by: actor(caller), detail: 'the work is done' },
  );
  return { done: true };
}

async function requireGuest(
  ctx: AuthorityContext,
  caller: Operator,
  name: string | undefined,
): Promise<Identity> {
  if (name === undefined) {
    if (caller.identity.vendor !== undefined) return caller.identity;
    throw new SallyportError('invalid', 'you are of this house: nothing of yours ends here', {
      next: 'sallyport logout; for a guest of yours: sallyport done NAME',
    });
  }
  const identity = await requireIdentity(ctx, name);
  if (identity.vendor === undefined) {
    throw new SallyportError('invalid', `"${identity.name}" is not from a vendor`, {
      next: 'sallyport kill, or: sallyport identities remove',
    });
  }
  if (
    identity.owner === caller.identity.id ||
    identity.id === caller.identity.id ||
    may(ctx, caller, 'stopAccess')
  )
    return identity;
  throw new SallyportError('forbidden', `"${identity.name}" is not your guest`, {
    next: 'his sponsor, or an administrator, ends it',
  });
}

/** What he asked for. Invites of his are worth nothing since he has ended. */
async function takenBack(
  ctx: AuthorityContext,
  caller: Operator,
  id: Identity['id'],
): Promise<{ readonly changes: readonly Change[]; readonly events: readonly EventDraft[] }> {
  const changes: Change[] = [];
  const events: EventDraft[] = [];
  const decidedAt = ctx.clock.now();
  for await (const { value, rev } of eachRecord(ctx.store, 'request', {
    filter: { identity: id, live: true },
  })) {
    const state = stepRequest(value.state, 'cancel');
    if (state === undefined) continue;
    changes.push({ put: 'request', value: { ...value, state, decidedAt }, rev });
    const { device, id: request } = value;
    const common = { actor: actor(caller), outcome: 'success', identity: id, device, request } as const;
    events.push({ ...common, type: 'request.cancelled', body: { why: 'the work is done' } });
  }
  return { changes, events };
}
