// The rule that a broker never loses its last administrator, and the stamp that holds it when two of them
// are removed at the same moment: whatever takes the role from somebody compares and sets one record.

import { SallyportError } from '../../core/errors.ts';
import { isAdministrator, type Identity } from '../../core/identity.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { eachRecord } from './each-record.ts';

const stampId = 'administrators-changed';

/** Whether anybody administers it: also somebody whose time is over, or whom a lock holds. */
export async function hasAdministrator(ctx: AuthorityContext): Promise<boolean> {
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    if (isAdministrator(value)) return true;
  }
  return false;
}

/** The changes that must go into the commit by which `identity` loses the role or goes. */
export async function withoutAdministrator(
  ctx: AuthorityContext,
  identity: Identity,
): Promise<readonly Change[]> {
  if (!isAdministrator(identity)) return [];
  // Read before the others are counted: whoever counts at the same time holds the same revision.
  const stamp = await ctx.store.get('setting', stampId);
  const now = ctx.clock.now();
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    if (value.id === identity.id || !isAdministrator(value)) continue;
    if (value.expiresAt !== undefined && value.expiresAt <= now) continue;
    const change = { id: stampId, value: String(now) };
    return [{ put: 'setting', value: change, rev: stamp?.rev ?? 0 }];
  }
  throw new SallyportError('conflict', `"${identity.name}" is the last administrator`, {
    next: 'make somebody else an administrator first: sallyport roles grant NAME administrator',
  });
}
