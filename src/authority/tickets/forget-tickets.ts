// Tickets that have counted for nothing for a long time are forgotten, so that there is room for new ones. Up to when a
// source's tickets were is remembered: an old message, shown again, does not bring one back (negative test I8).

import { limits } from '../../core/limits.ts';
import type { Ticket } from '../../core/ticket.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import { forgottenTickets } from '../settings.ts';
import type { Sweep } from '../sweep.ts';

export const ticketSweep: Sweep = {
  everyMs: 60 * 60_000,
  failure: 'could not forget tickets that are closed for long',
  run: forgetTickets,
};

export async function forgetTickets({ whole: ctx }: AuthorityContext): Promise<void> {
  const before = ctx.clock.now() - limits.ticketKeptMs;
  for await (const { value: ticket, rev } of eachRecord(ctx.store, 'ticket')) {
    if (overSince(ticket) >= before) continue;
    const { id, source, changedAt } = ticket;
    const upTo = Math.max(changedAt, ctx.tickets.forgottenUpTo(source));
    // Before: an old message that comes meanwhile finds it. The ticket itself goes only where nobody changed it.
    ctx.tickets.forgetUpTo(source, upTo);
    await ctx.store.commit({
      changes: [
        { delete: 'ticket', id, rev },
        { put: 'setting', value: { id: forgottenTickets(source), value: String(upTo) } },
      ],
      events: [],
    });
    ctx.tickets.remove(id);
  }
}

/** From when on it counts for nothing, Unix ms; one that is open and has no end does. */
function overSince({ isOpen, changedAt, until }: Ticket): number {
  return Math.min(isOpen ? Infinity : changedAt, until === undefined ? Infinity : Math.max(until, changedAt));
}
