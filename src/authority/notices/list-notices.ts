// Use-case: what waits to be delivered, and what the last try said.

import type { NoticeView } from '../../api/notices.ts';
import type { PageQuery } from '../../api/problem.ts';
import { storePage, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { addressText } from './notifier.ts';

export async function listNotices(ctx: AuthorityContext, query: PageQuery): Promise<Paged<NoticeView>> {
  const listed = await ctx.store.list('notice', {}, storePage(query));
  const items = listed.items.map(({ value }) => {
    const { id, type, to, subject, createdAt, attempts, nextAt, lastError } = value;
    return {
      id,
      type,
      to: addressText(to),
      subject,
      createdAt: iso(createdAt),
      attempts,
      nextAt: iso(nextAt),
      ...(lastError === undefined ? {} : { lastError }),
    };
  });
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}
