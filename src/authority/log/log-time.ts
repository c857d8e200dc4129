// The log's own time: RFC 3339 UTC with microseconds, always of one length so that text order is time
// order. Kept as whole microseconds (2^53 of them last until the year 2255).

import { SallyportError } from '../../core/errors.ts';

/** The next time on the log: `nowMs`, or 1 µs after the last where the clock stands or goes back. */
export function nextMicros(lastMicros: number, nowMs: number): number {
  return Math.max(Math.floor(nowMs * 1000), lastMicros + 1);
}

export function formatMicros(micros: number): string {
  const wholeMs = Math.floor(micros / 1000);
  const rest = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${rest}Z`;
}

const pattern = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/i;

/** Microseconds of an RFC 3339 text; undefined when it is not one. Digits past the sixth are dropped. */
export function parseMicros(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, second = '', fraction = '', zone = ''] = match;
  const ms = Date.parse(`${second.toUpperCase()}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/** A bound given by a person, in the form that the log's times can be compared with. */
export function timeBound(text: string): string {
  const micros = parseMicros(text);
  if (micros === undefined) {
    throw new SallyportError('invalid', `"${text}" is not a time`, {
      next: 'write it as in 2030-01-31T13:00:00Z',
    });
  }
  return formatMicros(micros);
}
