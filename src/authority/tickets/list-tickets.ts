// Use-case: the tickets that the broker was told of, and whether each counts now.

import type { TicketView } from '../../api/tickets.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { Ticket } from '../../core/ticket.ts';
import { storePage, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';

export async function listTickets(ctx: AuthorityContext, query: PageQuery): Promise<Paged<TicketView>> {
  const listed = await ctx.store.list('ticket', {}, storePage(query));
  const items = listed.items.map(({ value }) => view(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}

function view(
  ctx: AuthorityContext,
  { id, source, isOpen, covers, from, until, changedAt }: Ticket,
): TicketView {
  return {
    id,
    source,
    open: isOpen,
    live: ctx.tickets.sources.has(source),
    covers: [...covers],
    ...(from === undefined ? {} : { from: iso(from) }),
    ...(until === undefined ? {} : { until: iso(until) }),
    changedAt: iso(changedAt),
  };
}
