// Use-case: a ticket system tells of a ticket. Sessions that stand on it are looked at at once: where it does not
// count any more, they end (negative test I8).

import { SallyportError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { sha256 } from '../../wire/signed.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import type { AuthorityContext } from '../context.ts';
import { readTicket } from './read-ticket.ts';
import { recordTicket } from './record-ticket.ts';
import type { TicketSource } from './sources.ts';
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
    if (source?.webhook === undefined) return await this.#refuse(webhook, 'unknown_source');
    const verified = verifyWebhook(source.webhook, webhook, ctx.clock.now());
    if (typeof verified === 'string') return await this.#refuse(webhook, verified);
    return await this.#take(webhook, source, verified);
  }

  async #take(
    webhook: Webhook,
    source: TicketSource,
    message: VerifiedWebhook,
  ): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    const document = { name: webhook.source, source, saidAt: message.sentAt };
    const ticket = readTicket(webhook.document, document);
    const used = `webhook ${sha256(`${webhook.source} ${message.id}`)}`;
    // The same message once more: it was taken, and says nothing new.
    if ((await ctx.store.get('assertion', used)) !== undefined) return done;
    const value = { id: used, expiresAt: ctx.clock.now() + 2 * limits.webhookSkewMs };
    await recordTicket(ctx, ticket, {
      changes: [{ put: 'assertion', value, rev: 0 }],
      body: { message: message.id, sourceIp: webhook.sourceIp },
    });
    ctx.tickets.answered(ticket.id);
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
