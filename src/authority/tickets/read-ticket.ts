// A ticket out of what its system says, told or asked: the places of its source in one JSON document.

import { SallyportError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { isPrintable, printable } from '../../core/printable.ts';
import { isTicketId, type Ticket } from '../../core/ticket.ts';
import { at, type TicketSource } from './sources.ts';

/** `saidAt`, Unix ms, where the document does not say when. Throws `invalid`, with the place that is wrong. */
export function readTicket(
  document: Json,
  {
    name,
    source,
    saidAt,
  }: { readonly name: string; readonly source: TicketSource; readonly saidAt: number | undefined },
): Ticket {
  const id = at(document, source.ticket);
  if (typeof id !== 'string' || !isTicketId(id)) throw wrong(source.ticket, 'no ticket');
  const status = at(document, source.status);
  if (typeof status !== 'string' && typeof status !== 'number') throw wrong(source.status, 'no status');
  const covers = at(document, source.covers);
  const names = Array.isArray(covers) ? (covers as readonly Json[]) : [covers];
  const changedAt = source.changed === undefined ? saidAt : time(document, source.changed);
  if (changedAt === undefined) throw wrong(source.changed ?? '', 'no time');
  const [from, until] = [time(document, source.from), time(document, source.until)];
  return {
    id,
    tenant: source.tenant,
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
