// The guard of a door where strangers come in: who was refused too often from one address is not looked at for the
// rest of the minute, and each refusal is on the log, within bounds. Those who are let in never count: a whole site
// may come from behind one address.

import type { EventActor } from '../../core/event.ts';
import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext } from '../context.ts';
import { RateLimit } from './rate-limit.ts';
import type { Refusals, Refused } from './refusals.ts';

/** Whoever has not shown who he is. */
export const nobody: EventActor = { kind: 'system', id: 'nobody' };

export interface AttemptsOptions {
  readonly perMinute: number;
  /** For "too many … were refused for your address". */
  readonly what: string;
  readonly next: string;
}

export class Attempts {
  readonly #refusals: Refusals;
  readonly #limit: RateLimit;
  readonly #options: AttemptsOptions;

  constructor(ctx: Pick<AuthorityContext, 'clock'>, refusals: Refusals, options: AttemptsOptions) {
    this.#refusals = refusals;
    this.#limit = new RateLimit(ctx.clock, options.perMinute);
    this.#options = options;
  }

  hasLeft(sourceIp: string): boolean {
    return this.#limit.hasLeft(sourceIp);
  }

  /** Throws `rate_limited`. */
  requireLeft(sourceIp: string): void {
    if (!this.hasLeft(sourceIp)) throw this.tooMany();
  }

  tooMany(): SallyportError {
    const { what, next } = this.#options;
    return new SallyportError('rate_limited', `too many ${what} were refused for your address`, { next });
  }

  /** Counts against the address. */
  count(sourceIp: string): void {
    this.#limit.take(sourceIp);
  }

  /** On the log alone. */
  async note(refused: Omit<Refused, 'actor'>, sourceIp: string): Promise<void> {
    await this.#refusals.note({ ...refused, actor: nobody }, sourceIp);
  }

  async refuse(refused: Omit<Refused, 'actor'>, sourceIp: string): Promise<void> {
    this.count(sourceIp);
    await this.note(refused, sourceIp);
  }
}
