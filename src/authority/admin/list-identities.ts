// Use-case: the identities, for administrators.

import type { IdentityView } from '../../api/nouns.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { AuthorityContext } from '../context.ts';
import { viewIdentity } from './identity-view.ts';
import { storePage, type Paged } from './page.ts';

export async function listIdentities(ctx: AuthorityContext, query: PageQuery): Promise<Paged<IdentityView>> {
  const listed = await ctx.store.list('identity', {}, storePage(query));
  const items: IdentityView[] = [];
  for (const { value } of listed.items) items.push(await viewIdentity(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}
