// Refusals on the audit log, so that a flood of them cannot fill it: the first few of a minute from one
// address, and the first hundred of a minute altogether, are events one by one; the rest is counted, and
// the count is one event when the minute is over.
//
// A refusal that cannot be written is refused all the same; the operational log says so.

import type { EventDraft, EventType } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Store } from '../store/store.ts';
import { RateLimit } from './rate-limit.ts';

const windowMs = 60_000;
const everybody = '*';

/** A draft without its outcome: a refusal is always denied. */
export type Refused = Omit<EventDraft, 'outcome' | 'type'> & {
  readonly type: Extract<EventType, 'auth.failed' | 'api.refused' | 'channel.refused' | 'enrollment.refused'>;
};

export class Refusals {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #perAddress: RateLimit;
  readonly #overall: RateLimit;
  /** "type code" -> how many were only counted. Types and codes are closed lists, so this is bounded. */
  #counted = new Map<string, number>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly log: Log }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#perAddress = new RateLimit(parts.clock, limits.refusalEventsPerAddressPerMinute);
    this.#overall = new RateLimit(parts.clock, limits.refusalEventsPerMinute);
  }

  /** Resolves when the event is durable, or the refusal is counted. Never rejects. */
  async note(refused: Refused, sourceIp: string): Promise<void> {
    if (!this.#closed && (!this.#perAddress.take(sourceIp) || !this.#overall.take(everybody))) {
      this.#count(`${refused.type} ${refused.code ?? 'refused'}`);
      return;
    }
    await this.#write([{ ...refused, outcome: 'denied', body: { ...refused.body, sourceIp } }]);
  }

  /** Writes what was counted so far. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#flush();
  }

  #count(what: string): void {
    this.#counted.set(what, (this.#counted.get(what) ?? 0) + 1);
    this.#timer ??= this.#clock.setTimer(
      windowMs,
      () => {
        this.#timer = undefined;
        void this.#flush();
      },
      { ref: false },
    );
  }

  async #flush(): Promise<void> {
    const counted = this.#counted;
    if (counted.size === 0) return;
    this.#counted = new Map();
    await this.#write(
      [...counted].map(([what, count]) => {
        const [type, code] = what.split(' ');
        return {
          type: type as Refused['type'],
          actor: { kind: 'system', id: 'authority' },
          outcome: 'denied',
          ...(code === undefined ? {} : { code }),
          body: { count, counted: 'these came too fast to be written one by one' },
        };
      }),
    );
  }

  async #write(events: readonly EventDraft[]): Promise<void> {
    try {
      await this.#store.commit({ changes: [], events });
    } catch (error) {
      this.#log.error(
        { err: error, events: events.length },
        'api: a refusal could not be written to the audit log',
      );
    }
  }
}
