// The tickets in memory: every decision asks whether the one it names counts.

import type { Device } from '../../core/device.ts';
import type { Service } from '../../core/service.ts';
import { limits } from '../../core/limits.ts';
import { ticketFault, type Ticket, type TicketFault } from '../../core/ticket.ts';
import type { Clock } from '../../platform/clock.ts';
import { eachRecord } from '../admin/each-record.ts';
import { forgottenTickets } from '../settings.ts';
import type { Store } from '../store/store.ts';
import type { LookUp, TicketSource, TicketSources } from './sources.ts';

export class TicketBook {
  readonly sources: TicketSources;
  readonly #clock: Clock;
  readonly #tickets = new Map<string, Ticket>();
  /** Of tickets whose system is asked; `answeredAt` by the boot clock, ms. */
  readonly #answers = new Map<string, { readonly answeredAt: number; readonly isSilent: boolean }>();
  /** By source, Unix ms. */
  readonly #forgotten = new Map<string, number>();
  readonly #startedAt: number;

  constructor(clock: Clock, sources: TicketSources = new Map()) {
    this.#startedAt = clock.bootMs();
    this.#clock = clock;
    this.sources = sources;
  }

  async load(store: Store): Promise<void> {
    for await (const { value } of eachRecord(store, 'ticket')) this.put(value);
    for (const source of this.sources.keys()) {
      const upTo = await store.get('setting', forgottenTickets(source));
      if (upTo !== undefined) this.#forgotten.set(source, Number(upTo.value.value));
    }
  }

  put(ticket: Ticket): void {
    this.#tickets.set(ticket.id, ticket);
  }

  remove(id: string): void {
    this.#tickets.delete(id);
  }

  forgetUpTo(source: string, at: number): void {
    this.#forgotten.set(source, at);
  }

  /** What this source said of a ticket that is not known counts from then on, Unix ms. */
  forgottenUpTo(source: string): number {
    return this.#forgotten.get(source) ?? -Infinity;
  }

  get size(): number {
    return this.#tickets.size;
  }

  get(id: string): Ticket | undefined {
    return this.#tickets.get(id);
  }

  /** The source that is asked for it: its longest beginning wins. */
  askedFor(
    id: string,
  ): { readonly name: string; readonly source: TicketSource; readonly lookUp: LookUp } | undefined {
    let found: ReturnType<TicketBook['askedFor']>;
    let longest = 0;
    for (const [name, source] of this.sources) {
      const { lookUp } = source;
      const begins =
        lookUp?.tickets.filter((start) => id.startsWith(start)).map(({ length }) => length) ?? [];
      const length = Math.max(0, ...begins);
      if (lookUp !== undefined && length > longest) {
        found = { name, source, lookUp };
        longest = length;
      }
    }
    return found;
  }

  /** Its system said what it is at this moment. */
  answered(id: string): void {
    this.#answers.set(id, { answeredAt: this.#clock.bootMs(), isSilent: false });
    this.#bound();
  }

  /** Its system was asked, and did not answer. */
  silent(id: string): void {
    const answeredAt = this.#answers.get(id)?.answeredAt ?? this.#startedAt;
    this.#answers.set(id, { answeredAt, isSilent: true });
    this.#bound();
  }

  /** Boot clock, ms; undefined: not since the start. */
  lastAnswer(id: string): number | undefined {
    const answer = this.#answers.get(id);
    return answer === undefined || answer.isSilent ? undefined : answer.answeredAt;
  }

  /**
   * A ticket whose source is not configured any more counts for nothing; one whose system is asked and silent, too:
   * for what is to be opened at once, for what is open (`isLive`) after a while.
   */
  faultOf(
    id: string,
    { device, service }: { readonly device: Device; readonly service?: Service | undefined },
    isLive = false,
  ): TicketFault | undefined {
    if (this.#isUnconfirmed(id, device.tenant, isLive)) return 'unconfirmed';
    const ticket = this.#tickets.get(id);
    const isOurs = ticket?.tenant === device.tenant && this.sources.has(ticket.source);
    const known = isOurs ? ticket : undefined;
    return ticketFault(known, { device: device.name, service: service?.name }, this.#clock.now());
  }

  #isUnconfirmed(id: string, tenant: string, isLive: boolean): boolean {
    const asked = this.askedFor(id);
    if (asked?.source.tenant !== tenant) return false;
    // By the switch, what it told last counts; of what it never told there is nothing.
    if (asked.lookUp.whenDown === 'last' && this.#tickets.has(id)) return false;
    const { answeredAt, isSilent } = this.#answers.get(id) ?? {
      answeredAt: this.#startedAt,
      isSilent: false,
    };
    return isLive ? this.#clock.bootMs() - answeredAt > limits.lookUpStaleMs : isSilent;
  }

  /** Typed numbers are anybody's: the oldest are forgotten. */
  #bound(): void {
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= limits.ticketsMax) break;
      this.#answers.delete(oldest);
    }
  }
}
