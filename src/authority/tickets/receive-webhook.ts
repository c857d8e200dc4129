// Use-case: a ticket system tells of a ticket. Sessions that stand on it are looked at at once: where it does not
// count any more, they end (negative test I8).

import { SallyportError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { isPrintable, printable } from '../../core/printable.ts';
import { isTicketId, type Ticket } from '../../core/ticket.ts';
import { sha256 } from '../../wire/signed.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { reviewTicket } from '../sessions/review-sessions.ts';
import { at, type TicketSource } from './sources.ts';
import { verifyWebhook, type Raw, type VerifiedWebhook } from './webhook-signature.ts';

export interface Webhook extends Raw {
  readonly source: string;
  readonly document: Json;
  readonly sourceIp: string;
}

const done = { done: true } as const;

export class TicketDoor {
  readonly #ctx: AuthorityContext;
  readonly #attempts: Attempts;

  constructor(ctx: AuthorityContext, refusals: Refusals) {
    this.#ctx = ctx;
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.webhookAttemptsPerAddressPerMinute,
      what: 'messages',
      next: 'try again in a minute',
    });
  }

  async receive(webhook: Webhook): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    this.#attempts.requireLeft(webhook.sourceIp);
    const source = ctx.tickets.sources.get(webhook.source);
    if (source === undefined) return await this.#refuse(webhook, 'unknown_source');
    const verified = verifyWebhook(source, webhook, ctx.clock.now());
    if (typeof verified === 'string') return await this.#refuse(webhook, verified);
    return await this.#take(webhook, source, verified);
  }

  async #take(
    webhook: Webhook,
    source: TicketSource,
    message: VerifiedWebhook,
  ): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    const ticket = readTicket(webhook, source, message.sentAt);
    const known = await ctx.store.get('ticket', ticket.id);
    // Another system does not speak for it; and an older message never undoes a newer one.
    if (known !== undefined && known.value.source !== ticket.source) {
      throw new SallyportError('conflict', `"${ticket.id}" is a ticket of "${known.value.source}"`, {
        next: 'one system speaks for a ticket: give the numbers of the other a prefix of their own',
      });
    }
    if (known !== undefined && known.value.changedAt > ticket.changedAt) return done;
    if (known === undefined && ctx.tickets.size >= limits.ticketsMax) {
      throw new SallyportError(
        'too_large',
        `"${ticket.id}" is one ticket too many: ${limits.ticketsMax} are known`,
        {
          next: 'send only those that access depends on',
        },
      );
    }
    const used = `webhook ${sha256(`${webhook.source} ${message.id}`)}`;
    // The same message once more: it was taken, and says nothing new.
    if ((await ctx.store.get('assertion', used)) !== undefined) return done;
    const { id, isOpen, covers, from, until } = ticket;
    await ctx.store.commit({
      changes: [
        { put: 'ticket', value: ticket, rev: known?.rev ?? 0 },
        {
          put: 'assertion',
          value: { id: used, expiresAt: ctx.clock.now() + 2 * limits.webhookSkewMs },
          rev: 0,
        },
      ],
      events: [
        {
          type: 'ticket.changed',
          actor: { kind: 'system', id: `tickets/${webhook.source}` },
          outcome: 'success',
          body: {
            ticket: id,
            open: isOpen,
            covers: [...covers],
            ...(from === undefined ? {} : { from: iso(from) }),
            ...(until === undefined ? {} : { until: iso(until) }),
            message: message.id,
            sourceIp: webhook.sourceIp,
          },
        },
      ],
    });
    ctx.tickets.put(ticket);
    await reviewTicket(ctx, id);
    return done;
  }

  async #refuse(webhook: Webhook, code: string): Promise<never> {
    const body = { door: 'tickets', source: printable(webhook.source, 32) };
    await this.#attempts.refuse({ type: 'auth.failed', code, body }, webhook.sourceIp);
    throw new SallyportError(
      'unauthenticated',
      'this message is not from a ticket system that is known here',
      {
        next: 'compare name, secret and clock of both sides: docs/tickets.md',
      },
    );
  }
}

/** Throws `invalid`, with the place that is wrong. */
function readTicket(
  { document, source: name }: Webhook,
  source: TicketSource,
  sentAt: number | undefined,
): Ticket {
  const id = at(document, source.ticket);
  if (typeof id !== 'string' || !isTicketId(id)) throw wrong(source.ticket, 'no ticket');
  const status = at(document, source.status);
  if (typeof status !== 'string' && typeof status !== 'number') throw wrong(source.status, 'no status');
  const covers = at(document, source.covers);
  const names = Array.isArray(covers) ? (covers as readonly Json[]) : [covers];
  const changedAt = source.changed === undefined ? sentAt : time(document, source.changed);
  if (changedAt === undefined) throw wrong(source.changed ?? '', 'no time');
  const [from, until] = [time(document, source.from), time(document, source.until)];
  return {
    id,
    source: name,
    isOpen: source.open.includes(String(status)),
    covers: names
      .filter((one): one is string => typeof one === 'string' && one.length <= 128 && isPrintable(one))
      .slice(0, limits.ticketCoversMax),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    changedAt,
  };
}

/** RFC 3339, or a time without a zone, which is UTC then; undefined where there is none. */
function time(document: Json, pointer: string | undefined): number | undefined {
  const text = at(document, pointer);
  if (text === undefined || text === null || text === '' || pointer === undefined) return undefined;
  const match =
    typeof text === 'string' ? /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(.*)$/.exec(text) : null;
  if (match === null) throw wrong(pointer, 'no time');
  const [, day, clock, zone] = match;
  // Jira writes +0200, without the colon.
  const offset = zone === '' ? 'Z' : (zone ?? '').replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  const ms = Date.parse(`${day}T${clock}${offset}`);
  if (Number.isNaN(ms)) throw wrong(pointer, 'no time');
  return ms;
}

function wrong(pointer: string, what: string): SallyportError {
  return new SallyportError('invalid', `there is ${what} at "${printable(pointer, 80)}" of the message`, {
    next: 'correct the places of this source in tickets.yaml: docs/tickets.md',
  });
}
