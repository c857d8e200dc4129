// The authority's orders as they come down one long response: lines of JSON, cut into chunks anywhere.
// Pure; a line has a bound, and a line that cannot be read is a fault of the stream, not to be skipped:
// it might have been a cut.

import { isEndReason } from '../core/end-reason.ts';
import { parseJsonObject } from '../core/json.ts';
import type { LinkEnd, Order } from '../wire/control.ts';
import { complete, text, whole, type Fields } from '../wire/fields.ts';

export type OrderLines = { readonly orders: readonly Order[] } | { readonly fault: string };

export class OrderReader {
  readonly #lineMaxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(lineMaxBytes: number) {
    this.#lineMaxBytes = lineMaxBytes;
  }

  /** After a fault, nothing may be pushed. */
  push(chunk: Uint8Array): OrderLines {
    const orders: Order[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = this.#take(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      const order = line === undefined ? undefined : readOrder(line);
      if (order === undefined) return { fault: 'an order that cannot be read' };
      orders.push(order);
    }
    this.#held.push(rest);
    this.#heldBytes += rest.length;
    return this.#heldBytes > this.#lineMaxBytes ? { fault: 'an order that does not end' } : { orders };
  }

  #take(last: Uint8Array): string | undefined {
    const bytes = this.#heldBytes + last.length;
    const line = bytes > this.#lineMaxBytes ? undefined : Buffer.concat([...this.#held, last], bytes);
    this.#held = [];
    this.#heldBytes = 0;
    return line?.toString('utf8');
  }
}

const linkEnds: Readonly<Record<LinkEnd, true>> = {
  agent_closed: true,
  lost: true,
  superseded: true,
  lock: true,
  removed: true,
  drain: true,
  protocol: true,
  gate_stopped: true,
};

function readOrder(line: string): Order | undefined {
  const fields: Fields = parseJsonObject(line) ?? {};
  const reason = text(fields, 'reason') ?? '';
  switch (fields['type']) {
    case 'heartbeat':
      return complete<Extract<Order, { type: 'heartbeat' }>>({
        type: 'heartbeat',
        time: whole(fields, 'time'),
        lockVersion: whole(fields, 'lockVersion'),
      });
    case 'lease':
      return complete<Extract<Order, { type: 'lease' }>>({
        type: 'lease',
        link: text(fields, 'link'),
        lease: text(fields, 'lease'),
      });
    case 'cut':
      return complete<Extract<Order, { type: 'cut' }>>({
        type: 'cut',
        session: text(fields, 'session'),
        reason: isEndReason(reason) ? reason : undefined,
      });
    case 'closeLink':
      return complete<Extract<Order, { type: 'closeLink' }>>({
        type: 'closeLink',
        link: text(fields, 'link'),
        reason: Object.hasOwn(linkEnds, reason) ? (reason as LinkEnd) : undefined,
      });
    default:
      return undefined;
  }
}
