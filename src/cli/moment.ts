// Times and durations as the command line shows and takes them: local in tables, durations as "30m".
// Pure: `now` is Unix ms.

import { formatDuration, parseDuration } from '../core/duration.ts';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/** RFC 3339 -> "2026-11-22 14:03:09" on this machine's clock. */
export function localTime(time: string | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return printable(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  );
}

/** "2026-11-22 14:03:09 (in 7h 59m)". */
export function localTimeAndDistance(time: string | undefined, now: number): string | undefined {
  if (time === undefined) return undefined;
  const distance = new Date(time).getTime() - now;
  if (Number.isNaN(distance)) return printable(time);
  const words = distance >= 0 ? `in ${formatDuration(distance)}` : `${formatDuration(-distance)} ago`;
  return `${localTime(time) ?? ''} (${words})`;
}

/** A duration that was typed for a flag, in ms. Throws `invalid`. */
export function durationFlag(flag: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const ms = parseDuration(typed);
  if (ms !== undefined) return ms;
  throw new SallyportError('invalid', `"${printable(typed, 40)}" is not a duration for "--${flag}"`, {
    next: 'write 90s, 30m, 8h or 7d',
  });
}

/** A moment typed for a flag: RFC 3339, or how long ago. The answer is RFC 3339 UTC. Throws `invalid`. */
export function momentFlag(flag: string, typed: string | undefined, now: number): string | undefined {
  if (typed === undefined) return undefined;
  const ago = parseDuration(typed);
  if (ago !== undefined) return new Date(now - ago).toISOString();
  const isDated = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/.test(
    typed,
  );
  const at = isDated ? new Date(typed).getTime() : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new SallyportError('invalid', `"${printable(typed, 40)}" is not a time for "--${flag}"`, {
    next: 'write it as 2026-11-22T14:00:00Z, or as a duration ago: 8h',
  });
}

/** A moment ahead typed for a flag: RFC 3339, this machine's local time without a zone, or in how long. Throws `invalid`. */
export function aheadFlag(flag: string, typed: string | undefined, now: number): string | undefined {
  const inMs = typed === undefined ? undefined : parseDuration(typed);
  return inMs === undefined ? momentFlag(flag, typed, now) : new Date(now + inMs).toISOString();
}

/** A whole number typed for a flag. Throws `invalid`. */
export function countFlag(flag: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw new SallyportError('invalid', `"${printable(typed, 40)}" is not a number for "--${flag}"`, {
    next: 'write a whole number from 1',
  });
}
