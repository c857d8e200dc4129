// A change or an incident in somebody else's ticket system, as far as access depends on it: whether work on it
// goes on, what it is about, and when. Policy reads a ticket that counts as `context.ticket`; by itself it grants
// nothing.

export interface Ticket {
  /** As its system writes it: "CHG-4711". */
  readonly id: string;
  readonly tenant: string;
  /** Of the broker's ticket sources the one that told of it. */
  readonly source: string;
  readonly isOpen: boolean;
  /** Names of devices, or of services as "device/service". */
  readonly covers: readonly string[];
  /** Its change window, Unix ms; an end that is missing is open. */
  readonly from?: number;
  readonly until?: number;
  /** Of this state, by the clock of its system. */
  readonly changedAt: number;
}

/** unconfirmed: its system was asked and did not answer. */
export type TicketFault = 'unknown' | 'unconfirmed' | 'closed' | 'other_asset' | 'early' | 'over';

export const ticketFaultWords: Readonly<Record<TicketFault, string>> = {
  unknown: 'is not known here',
  unconfirmed: 'could not be looked up: its system does not answer',
  closed: 'is not open',
  other_asset: 'is about something else',
  early: 'has not begun yet',
  over: 'is over',
};

/** Undefined: it counts. `target`: names of what is to be worked on. */
export function ticketFault(
  ticket: Ticket | undefined,
  target: { readonly device: string; readonly service?: string | undefined },
  now: number,
): TicketFault | undefined {
  if (ticket === undefined) return 'unknown';
  if (!ticket.isOpen) return 'closed';
  const { device, service } = target;
  const isNamed = (name: string): boolean =>
    name === device || (service !== undefined && name === `${device}/${service}`);
  if (!ticket.covers.some(isNamed)) return 'other_asset';
  if (ticket.from !== undefined && now < ticket.from) return 'early';
  return ticket.until !== undefined && now >= ticket.until ? 'over' : undefined;
}

const ticketPattern = /^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}$/;

export function isTicketId(text: string): boolean {
  return ticketPattern.test(text);
}
