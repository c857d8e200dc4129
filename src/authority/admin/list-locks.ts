// Use-case: the locks that stand now. One that has run out stands no more.

import type { LockView } from '../../api/nouns.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { AuthorityContext } from '../context.ts';
import { viewLock } from './lock-view.ts';
import { storePage, type Paged } from './page.ts';

export async function listLocks(ctx: AuthorityContext, query: PageQuery): Promise<Paged<LockView>> {
  const now = ctx.clock.now();
  const listed = await ctx.store.list('lock', {}, storePage(query, 'newest'));
  const items: LockView[] = [];
  for (const { value } of listed.items) {
    if (value.expiresAt === undefined || value.expiresAt > now) items.push(await viewLock(ctx, value));
  }
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}
