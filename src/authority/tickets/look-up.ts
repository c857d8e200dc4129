// Asking a ticket's system what the ticket is at this moment: before something opens for it, and again and again while
// something stands on it. Its host is the one in tickets.yaml, whatever the ticket is called.

import { SallyportError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Identity } from '../../core/identity.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Ticket } from '../../core/ticket.ts';
import { RateLimit } from '../api/rate-limit.ts';
import type { AuthorityContext } from '../context.ts';
import { findJson } from '../https-answer.ts';
import { reviewTicket } from '../sessions/review-sessions.ts';
import type { Sweep } from '../sweep.ts';
import { readTicket } from './read-ticket.ts';
import { recordTicket } from './record-ticket.ts';
import type { LookUp } from './sources.ts';

export class TicketLookUps {
  /** Those who ask at once ask once. */
  readonly #asking = new Map<string, Promise<void>>();
  readonly #perIdentity: RateLimit;
  /** Sources that did not answer when they were last asked: each outage is told once. */
  readonly #silent = new Set<string>();

  constructor(clock: ConstructorParameters<typeof RateLimit>[0]) {
    this.#perIdentity = new RateLimit(clock, limits.lookUpsPerIdentityPerMinute);
  }

  /**
   * Afterwards the book knows what the ticket's system says, or that it is silent. Nothing is asked where no source
   * is asked for such a ticket, or it was just now. Throws `rate_limited`.
   */
  async refresh(ctx: AuthorityContext, ticket: string | undefined, by: Identity): Promise<void> {
    const asked = ticket === undefined ? undefined : ctx.tickets.askedFor(ticket);
    if (ticket === undefined || asked?.source.tenant !== by.tenant) return;
    const last = ctx.tickets.lastAnswer(ticket);
    if (last !== undefined && ctx.clock.bootMs() - last < limits.lookUpFreshMs) return;
    if (!this.#perIdentity.take(by.id)) {
      throw new SallyportError('rate_limited', 'you named too many tickets in a minute', {
        next: 'try again in a minute',
      });
    }
    await this.#ask(ctx, ticket);
  }

  /** Those that sessions stand on. */
  readonly sweep: Sweep = {
    everyMs: limits.lookUpLeastMs,
    failure: 'could not ask about tickets that sessions stand on',
    run: async (ctx) => {
      const due = [...new Set(ctx.sessions.all().flatMap(({ ticket }) => ticket ?? []))].filter((ticket) => {
        const every = ctx.tickets.askedFor(ticket)?.lookUp.everyMs;
        const last = ctx.tickets.lastAnswer(ticket) ?? -Infinity;
        return every !== undefined && ctx.clock.bootMs() - last >= every;
      });
      for (let at = 0; at < due.length; at += limits.lookUpsAtOnce) {
        await Promise.all(
          due.slice(at, at + limits.lookUpsAtOnce).map(async (ticket) => {
            await this.#ask(ctx, ticket);
            // Silence ends what stands on it, too, after a while.
            if (ctx.tickets.lastAnswer(ticket) === undefined) await reviewTicket(ctx, ticket);
          }),
        );
      }
    },
  };

  async #ask(ctx: AuthorityContext, ticket: string): Promise<void> {
    const running = this.#asking.get(ticket);
    if (running !== undefined) return await running;
    const asking = this.#askNow(ctx, ticket).finally(() => this.#asking.delete(ticket));
    this.#asking.set(ticket, asking);
    await asking;
  }

  async #askNow(ctx: AuthorityContext, id: string): Promise<void> {
    const asked = ctx.tickets.askedFor(id);
    if (asked === undefined) return;
    const { name, source, lookUp } = asked;
    try {
      const document = await answerFor(lookUp, id);
      const known = ctx.tickets.get(id);
      const ticket =
        document === undefined
          ? known && { ...known, isOpen: false, changedAt: ctx.clock.now() }
          : readTicket(document, { name, source, saidAt: ctx.clock.now() });
      if (ticket !== undefined && ticket.id !== id)
        throw new Error(`it answered about "${printable(ticket.id, 80)}"`);
      // An answer is of this moment: nothing that was told before is newer.
      const changedAt = Math.max(ticket?.changedAt ?? 0, known?.changedAt ?? 0);
      const fresh = ticket && { ...ticket, source: name, changedAt };
      if (fresh !== undefined && !isSame(known, fresh))
        await recordTicket(ctx, fresh, { changes: [], body: { lookedUp: true } });
      ctx.tickets.answered(id);
      await this.#noteAnswer(ctx, name);
    } catch (error) {
      ctx.tickets.silent(id);
      await this.#noteSilence(ctx, name, { id, why: error instanceof Error ? error.message : String(error) });
    }
  }

  async #noteAnswer(ctx: AuthorityContext, name: string): Promise<void> {
    if (!this.#silent.delete(name)) return;
    await note(ctx, name, { answers: true });
  }

  async #noteSilence(
    ctx: AuthorityContext,
    name: string,
    { id, why }: { readonly id: string; readonly why: string },
  ): Promise<void> {
    if (this.#silent.has(name)) return;
    this.#silent.add(name);
    await note(ctx, name, { answers: false, ticket: id, why: printable(why, 300) });
  }
}

async function note(
  ctx: AuthorityContext,
  name: string,
  body: { readonly answers: boolean; readonly ticket?: string; readonly why?: string },
): Promise<void> {
  const tenant = ctx.tickets.sources.get(name)?.tenant ?? defaultTenant;
  await ctx.store.commit({
    changes: [],
    events: [
      {
        tenant,
        type: 'ticket.source',
        actor: { kind: 'system', id: `tickets/${name}` },
        outcome: body.answers ? 'success' : 'failure',
        body,
      },
    ],
  });
}

/** Undefined: there is no such ticket. Rejects where nothing was learned. */
async function answerFor({ url, authorization, ca }: LookUp, id: string): Promise<JsonObject | undefined> {
  const place = new URL(url.replace('{ticket}', () => encodeURIComponent(id)));
  return await findJson(place, {
    ca,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });
}

function isSame(one: Ticket | undefined, other: Ticket): boolean {
  if (one === undefined) return false;
  return (
    one.source === other.source &&
    one.isOpen === other.isOpen &&
    one.from === other.from &&
    one.until === other.until &&
    one.covers.length === other.covers.length &&
    one.covers.every((name, at) => name === other.covers[at])
  );
}
