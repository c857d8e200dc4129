// The authority's orders as they come down one long response: lines of JSON, cut into chunks anywhere.
// Pure; a line has a bound, and a line that cannot be read is a fault of the stream, not to be skipped:
// it might have been a cut.

import { isEndReason } from '../core/end-reason.ts';
import { parseJsonObject } from '../core/json.ts';
import type { LinkEnd } from '../core/device.ts';
import type { Order } from '../wire/control.ts';
import { complete, text, texts, whole, type Fields } from '../wire/fields.ts';
import { LineReader } from '../wire/lines.ts';

export type OrderLines = { readonly orders: readonly Order[] } | { readonly fault: string };

export class OrderReader {
  readonly #lines: LineReader;

  constructor(lineMaxBytes: number) {
    this.#lines = new LineReader(lineMaxBytes);
  }

  /** After a fault, nothing may be pushed. */
  push(chunk: Uint8Array): OrderLines {
    const lines = this.#lines.push(chunk);
    if (lines === undefined) return { fault: 'an order that does not end' };
    const orders = lines.flatMap((line) => readOrder(line) ?? []);
    return orders.length === lines.length ? { orders } : { fault: 'an order that cannot be read' };
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
    case 'renewCertificate':
      return { type: 'renewCertificate' };
    case 'lease':
      return complete<Extract<Order, { type: 'lease' }>>({
        type: 'lease',
        link: text(fields, 'link'),
        lease: text(fields, 'lease'),
      });
    case 'cut':
      return complete<Extract<Order, { type: 'cut' }>>({
        type: 'cut',
        sessions: texts(fields, 'sessions'),
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
