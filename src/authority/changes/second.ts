// Four-eyes: from the second administrator on, what changes who may do what waits until another one agrees. Whom the
// asker invited does not count for him: two identities may be one person. Where nobody could agree it takes effect at
// once, as with one administrator, and the log has it as it has everything.

import { SallyportError } from '../../core/errors.ts';
import { isAdministrator, type Identity } from '../../core/identity.ts';
import { newId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import type { ChangeOrder, PendingChange } from '../../core/pending-change.ts';
import { jsonHash } from '../../wire/signed.ts';
import { eachRecord } from '../admin/each-record.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { changeWords } from './words.ts';

/** Does it at once, or files it and throws `second_needed` in words. */
export async function throughSecond<T>(
  ctx: AuthorityContext,
  caller: Operator,
  order: ChangeOrder,
  apply: () => Promise<T>,
): Promise<T> {
  if (!(await hasSecond(ctx, caller.identity))) return await apply();
  const { id } = await file(ctx, caller, order);
  throw new SallyportError('second_needed', `this waits for a second administrator: ${id}`, {
    next: `another one reads it and agrees: sallyport changes show ${id}, then: sallyport changes approve ${id}`,
  });
}

/**
 * Whether anybody could agree to what he asks for. Somebody who is locked counts here: else a lock on him would be the
 * way past him.
 */
export async function hasSecond(ctx: AuthorityContext, asker: Identity): Promise<boolean> {
  if (!ctx.broker.fourEyes) return false;
  const now = ctx.clock.now();
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    const isOver = value.expiresAt !== undefined && value.expiresAt <= now;
    if (!isOver && secondFault(value, asker) === undefined) return true;
  }
  return false;
}

/** Undefined: his yes counts for the asker. */
export function secondFault(second: Identity, asker: Identity): string | undefined {
  if (second.kind !== 'human' || !isAdministrator(second)) return 'only administrators agree to it';
  if (second.tenant !== asker.tenant) return 'only administrators agree to it';
  if (second.id === asker.id) return 'nobody agrees to his own change';
  if (second.id === asker.owner || (asker.kind !== 'human' && second.id === asker.invitedBy))
    return 'nobody agrees to what his own machine asks for';
  return second.invitedBy === asker.id ? 'whom the asker has invited does not count for him' : undefined;
}

async function file(ctx: AuthorityContext, caller: Operator, order: ChangeOrder): Promise<PendingChange> {
  const now = ctx.clock.now();
  const hash = jsonHash(order);
  const askedBy = caller.identity.id;
  for await (const { value } of eachRecord(ctx.store, 'change', { filter: { live: true } })) {
    // Asked again, as a script does: the same one.
    if (value.askedBy === askedBy && value.hash === hash && value.expiresAt > now) return value;
  }
  const open = await ctx.store.count('change', { live: true, identity: askedBy });
  if (open >= limits.changesPerIdentityMax) {
    throw new SallyportError('rate_limited', `${open} of your changes wait already`, {
      next: 'take some back: sallyport changes ls, sallyport changes deny ID',
    });
  }
  const change: PendingChange = {
    id: newId('chg', ctx.random.bytes(16)),
    tenant: caller.identity.tenant,
    state: 'pending',
    order,
    hash,
    askedBy,
    askedAt: now,
    expiresAt: now + limits.changeLifeMs,
  };
  await ctx.store.commit({
    changes: [{ put: 'change', value: change, rev: 0 }],
    events: [
      {
        type: 'change.asked',
        actor: actor(caller),
        outcome: 'success',
        identity: askedBy,
        body: { change: change.id, what: changeWords(order), by: caller.identity.name, hash },
      },
    ],
  });
  return change;
}
