// What a ticket's system said is kept, and sessions that stand on it are looked at at once: where it does not count any
// more, they end (negative test I8).

import { SallyportError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Ticket } from '../../core/ticket.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { reviewTicket } from '../sessions/review-sessions.ts';
import type { Change } from '../store/store.ts';

/** Nothing happens where a newer word is known. Throws `conflict`, `too_large`. */
export async function recordTicket(
  { whole: ctx }: AuthorityContext,
  ticket: Ticket,
  told: { readonly changes: readonly Change[]; readonly body: JsonObject },
): Promise<void> {
  const known = await ctx.store.get('ticket', ticket.id);
  // Another system does not speak for it; and an older message never undoes a newer one.
  if (known !== undefined && known.value.source !== ticket.source) {
    const isOurs = known.value.tenant === ticket.tenant;
    const of = isOurs ? `"${known.value.source}"` : 'another system';
    throw new SallyportError('conflict', `"${ticket.id}" is a ticket of ${of}`, {
      next: 'one system speaks for a ticket: give the numbers of the other a prefix of their own',
    });
  }
  if (known !== undefined && known.value.changedAt > ticket.changedAt) return;
  if (known === undefined && ticket.changedAt <= ctx.tickets.forgottenUpTo(ticket.source)) return;
  if (known === undefined && ctx.tickets.size >= limits.ticketsMax) {
    throw new SallyportError(
      'too_large',
      `"${ticket.id}" is one ticket too many: ${limits.ticketsMax} are known`,
      { next: 'send only those that access depends on' },
    );
  }
  const { id, source, isOpen, covers, from, until } = ticket;
  await ctx.store.commit({
    changes: [{ put: 'ticket', value: ticket, rev: known?.rev ?? 0 }, ...told.changes],
    events: [
      {
        type: 'ticket.changed',
        actor: { kind: 'system', id: `tickets/${source}` },
        outcome: 'success',
        tenant: ticket.tenant,
        body: {
          ticket: id,
          open: isOpen,
          covers: [...covers],
          ...(from === undefined ? {} : { from: iso(from) }),
          ...(until === undefined ? {} : { until: iso(until) }),
          ...told.body,
        },
      },
    ],
  });
  ctx.tickets.put(ticket);
  await reviewTicket(ctx, id);
}
