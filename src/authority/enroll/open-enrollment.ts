// An enrollment that can still be redeemed, found by its token, and the commit that uses it up. Whatever is wrong
// with a token is a TokenFault: its words are for the log, not for the caller (I5).

import type { EventDraft } from '../../core/event.ts';
import { usesLeft, type Enrollment } from '../../core/identity.ts';
import { asSubject } from '../../core/lock.ts';
import { may } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { StoreConflict, type Change, type Stored } from '../store/store.ts';
import { TokenFault } from './token-fault.ts';
import { tokenHash } from './token.ts';

export async function findEnrollment(ctx: AuthorityContext, token: string): Promise<Stored<Enrollment>> {
  const hash = tokenHash(token);
  if (hash === undefined) throw new TokenFault('not a token');
  const stored = await ctx.store.find('enrollment', { tokenHash: hash });
  if (stored === undefined) throw new TokenFault('unknown');
  if (usesLeft(stored.value) === 0) throw new TokenFault(`${stored.value.id} was used already`);
  if (stored.value.expiresAt <= ctx.clock.now()) throw new TokenFault(`${stored.value.id} has expired`);
  return stored;
}

/** Who is locked, removed or demoted leaves no door behind: an invite is worth what its inviter still is. */
export async function requireInviter(
  ctx: AuthorityContext,
  { id, kind, createdBy }: Enrollment,
): Promise<void> {
  if (createdBy === 'system') return;
  const inviter = (await ctx.store.get('identity', createdBy))?.value;
  if (inviter === undefined) throw new TokenFault(`the inviter of ${id} was removed`);
  if (ctx.locks.find(asSubject(inviter)) !== undefined)
    throw new TokenFault(`the inviter of ${id} is locked`);
  const right = kind === 'device' ? 'administerDevices' : 'administerIdentities';
  if (!may(ctx, { identity: inviter }, right))
    throw new TokenFault(`the inviter of ${id} may not invite any more`);
}

export async function commitOnce(
  ctx: AuthorityContext,
  commit: { readonly changes: readonly Change[]; readonly events: readonly EventDraft[] },
): Promise<void> {
  try {
    await ctx.store.commit(commit);
  } catch (error) {
    // Used by somebody faster, replaced by a newer invite, or its name was taken meanwhile.
    if (error instanceof StoreConflict) throw new TokenFault(`the ${error.kind} was taken meanwhile`);
    throw error;
  }
}
