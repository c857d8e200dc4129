// Whether an identity is anybody at this moment: a lock on it or on its owner, and its own end, beat everything else.

import type { Identity } from '../../core/identity.ts';
import { asSubject, type Lock } from '../../core/lock.ts';
import type { AuthorityContext } from '../context.ts';

export function barredBy(ctx: AuthorityContext, identity: Identity): Lock | 'expired' | undefined {
  const { expiresAt } = identity;
  const lock = ctx.locks.find(asSubject(identity));
  if (lock !== undefined) return lock;
  return expiresAt !== undefined && expiresAt <= ctx.clock.now() ? 'expired' : undefined;
}
