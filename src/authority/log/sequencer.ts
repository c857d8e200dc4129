// Gives events their places on the log: number, id, time, leaf and chain hash. Pure but for chance, and
// it holds no state: a store that could not write goes on from the head it had.

import { newId } from '../../core/ids.ts';
import type { AuditEvent } from '../../core/event.ts';
import { firstChainHash, makeLeaf, type Leaf } from '../../wire/audit-leaf.ts';
import { eventOf, type EventText } from './event-text.ts';
import { formatMicros, nextMicros } from './log-time.ts';

/** Where the log ends. */
export interface LogHead {
  readonly size: number;
  readonly chainHash: string;
  /** Time of the last leaf, in microseconds. */
  readonly micros: number;
}

export const emptyLog: LogHead = { size: 0, chainHash: firstChainHash, micros: 0 };

export interface Chance {
  bytes(n: number): Uint8Array;
}

export interface Placed {
  readonly head: LogHead;
  readonly lines: readonly Line[];
}

/** A leaf, and the event as it is told to people. */
export interface Line {
  readonly leaf: Leaf;
  readonly event: AuditEvent;
}

const idBytes = 16;
const saltBytes = 32;

/** `at` (Unix ms) is when the events happened; the log's time never stands still or runs back. */
export function place(
  head: LogHead,
  { at, events }: { readonly at: number; readonly events: readonly EventText[] },
  random: Chance,
): Placed {
  let current = head;
  const lines: Line[] = [];
  for (const { fields, body } of events) {
    const seq = current.size + 1;
    const micros = nextMicros(current.micros, at);
    const chance = random.bytes(idBytes + saltBytes);
    const id = newId('evt', chance.subarray(0, idBytes));
    const time = formatMicros(micros);
    const salt = chance.subarray(idBytes);
    const leaf = makeLeaf({ fields, seq, id, time, body, salt, previous: current.chainHash });
    lines.push({ leaf, event: eventOf(leaf) });
    current = { size: seq, chainHash: leaf.chainHash, micros };
  }
  return { head: current, lines };
}
