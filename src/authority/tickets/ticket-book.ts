// The tickets in memory: every decision asks whether the one it names counts.

import type { Device } from '../../core/device.ts';
import type { Service } from '../../core/service.ts';
import { ticketFault, type Ticket, type TicketFault } from '../../core/ticket.ts';
import type { Clock } from '../../platform/clock.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { Store } from '../store/store.ts';
import type { TicketSources } from './sources.ts';

export class TicketBook {
  readonly sources: TicketSources;
  readonly #clock: Clock;
  readonly #tickets = new Map<string, Ticket>();

  constructor(clock: Clock, sources: TicketSources = new Map()) {
    this.#clock = clock;
    this.sources = sources;
  }

  async load(store: Store): Promise<void> {
    for await (const { value } of eachRecord(store, 'ticket')) this.put(value);
  }

  put(ticket: Ticket): void {
    this.#tickets.set(ticket.id, ticket);
  }

  remove(id: string): void {
    this.#tickets.delete(id);
  }

  get size(): number {
    return this.#tickets.size;
  }

  get(id: string): Ticket | undefined {
    return this.#tickets.get(id);
  }

  /** A ticket whose source is not configured any more counts for nothing. */
  faultOf(
    id: string,
    { device, service }: { readonly device: Device; readonly service?: Service | undefined },
  ): TicketFault | undefined {
    const ticket = this.#tickets.get(id);
    const known = ticket !== undefined && this.sources.has(ticket.source) ? ticket : undefined;
    return ticketFault(known, { device: device.name, service: service?.name }, this.#clock.now());
  }
}
