// Whether a delegation holds at this moment: it and each one that it was passed on from, everybody in its chain, and
// the sign-in that the person made it with. Asked when a session opens, at each channel, and whenever something changes.

import type { Delegation } from '../../core/delegation.ts';
import { limits } from '../../core/limits.ts';
import type { Identity } from '../../core/identity.ts';
import { barredBy } from '../admin/barred.ts';
import type { AuthorityContext } from '../context.ts';

export interface LiveChain {
  /** The person first; who acts is not among them. */
  readonly principals: readonly Identity[];
}

export type ChainAnswer = ({ readonly ok: true } & LiveChain) | { readonly ok: false; readonly why: string };

export async function liveChain(ctx: AuthorityContext, delegation: Delegation): Promise<ChainAnswer> {
  const now = ctx.clock.now();
  let at: Delegation | undefined = delegation;
  for (let hop = 0; at !== undefined; hop += 1) {
    if (hop >= limits.delegationDepthMax) return no('it was passed on too often');
    if (at.endedAt !== undefined) return no('it was ended');
    if (at.expiresAt <= now) return no('it is over');
    if (at.parent === undefined) break;
    at = (await ctx.store.get('delegation', at.parent))?.value;
    if (at === undefined) return no('what it was passed on from is gone');
  }
  const principals: Identity[] = [];
  for (const id of delegation.chain) {
    const identity = (await ctx.store.get('identity', id))?.value;
    if (identity === undefined) return no('somebody in its chain is gone');
    if (barredBy(ctx, identity) !== undefined) return no(`"${identity.name}" is locked or has expired`);
    principals.push(identity);
  }
  const [person] = delegation.chain;
  const isSignedIn = await hasSignIn(ctx, person, delegation.cnf);
  return isSignedIn ? { ok: true, principals } : no('the sign-in that it was made with has ended');
}

async function hasSignIn(ctx: AuthorityContext, holder: string, spki: string): Promise<boolean> {
  const now = ctx.clock.now();
  const { items } = await ctx.store.list(
    'credential',
    { holder, spki },
    { order: 'newest', limit: limits.apiPageMax },
  );
  return items.some(({ value }) => value.revokedAt === undefined && value.notAfter > now);
}

function no(why: string): ChainAnswer {
  return { ok: false, why };
}
