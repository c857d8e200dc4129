// Use-case: the policy revisions, newest first.

import type { RevisionView } from '../../api/policy.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { AuthorityContext } from '../context.ts';
import { storePage, type Paged } from './page.ts';
import { viewRevision } from './revision-view.ts';

export async function listPolicies(ctx: AuthorityContext, query: PageQuery): Promise<Paged<RevisionView>> {
  const listed = await ctx.store.list('policy', {}, storePage(query, 'newest'));
  const items: RevisionView[] = [];
  for (const { value } of listed.items) items.push(await viewRevision(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}
