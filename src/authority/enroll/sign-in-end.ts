// When a command's sign-in is over, however often it is renewed (design section 4: one working day, unless
// broker.yaml says another time). Where its person has no way to sign in again by himself, a passkey or a provider,
// it goes on while it is used: only an administrator's invite would let him in again.

import type { Credential, Identity } from '../../core/identity.ts';
import type { AuthorityContext } from '../context.ts';

/** Unix ms; undefined: it does not end by itself. `since`: when its key was enrolled. */
export async function signInEnd(
  ctx: AuthorityContext,
  identity: Identity,
  { since = 0, provider }: Pick<Credential, 'since' | 'provider'>,
): Promise<number | undefined> {
  const dayEnd = (await canComeAgain(ctx, identity, provider)) ? since + ctx.broker.signInMs : undefined;
  const ends = [dayEnd, identity.expiresAt].filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

async function canComeAgain(
  ctx: AuthorityContext,
  { id, provider: known }: Identity,
  provider: Credential['provider'],
): Promise<boolean> {
  if (ctx.broker.console === undefined) return false;
  if (known !== undefined || provider !== undefined) return true;
  return (await ctx.store.count('passkey', { identity: id })) > 0;
}
