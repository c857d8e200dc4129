// Names for ids, for people. A record that is gone leaves its id on what it did; its name is "removed".

import type { IdentityId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';

export const removedName = 'removed';

export async function identityName(ctx: AuthorityContext, id: IdentityId | 'system'): Promise<string> {
  if (id === 'system') return 'system';
  return (await ctx.store.get('identity', id))?.value.name ?? removedName;
}
