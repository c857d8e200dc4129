// When a maintenance window opens: one start, or a recurrence rule of iCalendar (RFC 5545 section 3.3.10) in a time
// zone. The rule is followed on the clock of the wall, and each start is then found in real time: one that the
// clock skips begins at the next valid instant, one that it repeats begins once, the first time. The library by
// itself would leave out what is skipped. How long a window lasts is elapsed time.

import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

const textMaxLength = 1_000;
const dayMs = 24 * 60 * 60_000;
/** Rarer than this and an opening is not looked for: a rule like the 30th of February never comes. */
const aheadMaxYears = 4;
const startPattern = /^DTSTART(?:;TZID=([A-Za-z0-9_+/-]{1,64}))?:(\d{8}T\d{6})(Z?)$/;
const exceptPattern = /^EXDATE(?:;TZID=([A-Za-z0-9_+/-]{1,64}))?:([0-9TZ,]{1,800})$/;
const frequencies = /(?:^|;)FREQ=(?:YEARLY|MONTHLY|WEEKLY|DAILY)(?:;|$)/;

/** A rule that was read. All times Unix ms. */
export interface Recurrence {
  /** Starts after `from`, not after `until`, in order. */
  startsBetween(from: number, until: number): readonly number[];
  /** The first start after `from`; undefined where none comes within four years. */
  nextAfter(from: number): number | undefined;
}

/**
 * "DTSTART;TZID=Europe/Zurich:20260105T220000", and behind it, each on a line of its own or after a space,
 * "RRULE:FREQ=…" and "EXDATE…". Throws `invalid` with words.
 */
export function readRecurrence(text: string): Recurrence {
  if (text.length > textMaxLength) throw fault(text, `is longer than ${textMaxLength} characters`);
  const lines = text.trim().split(/[\r\n ]+/);
  const start = lines.find((line) => line.startsWith('DTSTART'));
  const rules = lines.filter((line) => line.startsWith('RRULE:'));
  const exceptions = lines.filter((line) => line.startsWith('EXDATE'));
  if (start === undefined) throw fault(text, 'has no DTSTART');
  if (rules.length > 1) throw fault(text, 'has more than one RRULE');
  if (lines.length !== 1 + rules.length + exceptions.length)
    throw fault(text, 'has a line that is not known');
  const [, zoneId, wall, utc] = startPattern.exec(start) ?? [];
  const zone = utc === 'Z' ? 'UTC' : zoneId;
  if (wall === undefined || zone === undefined || (utc === 'Z' && zoneId !== undefined)) {
    throw fault(
      text,
      'needs a start like DTSTART;TZID=Europe/Zurich:20260105T220000, or one in UTC that ends in Z',
    );
  }
  try {
    return new WallRule(zone, wall, {
      rule: rules[0]?.slice('RRULE:'.length) ?? 'FREQ=DAILY;COUNT=1',
      except: exceptions.flatMap((line) => readExceptions(line, zone, text)),
    });
  } catch (error) {
    if (error instanceof SallyportError || !(error instanceof Error)) throw error;
    throw fault(text, `cannot be followed: ${printable(error.message, 120)}`);
  }
}

class WallRule implements Recurrence {
  readonly #zone: string;
  readonly #rule: RRuleTemporal;
  readonly #until: number;
  readonly #except: ReadonlySet<string>;

  constructor(
    zone: string,
    wall: string,
    parts: { readonly rule: string; readonly except: readonly string[] },
  ) {
    if (!frequencies.test(parts.rule)) throw new Error('FREQ is YEARLY, MONTHLY, WEEKLY or DAILY');
    const [, until] = /(?:^|;)UNTIL=([^;]*)/.exec(parts.rule) ?? [];
    // Compared in real time below: the rule itself knows the wall only.
    const endless = parts.rule.replace(/(?:^|;)UNTIL=[^;]*/, '').replace(/^;/, '');
    this.#zone = zone;
    this.#rule = new RRuleTemporal({
      rruleString: `RRULE:${endless}`,
      dtstart: readWall(wall).toZonedDateTime('UTC'),
    });
    this.#until = until === undefined ? Infinity : readUntil(until, zone);
    this.#except = new Set(parts.except);
    // Throws for a zone that nobody knows.
    this.#instantOf(readWall(wall));
  }

  startsBetween(from: number, until: number): readonly number[] {
    // A zone is at most 14 hours off, and a skip moves a start by less than a day.
    const walls = this.#rule.between(new Date(from - 2 * dayMs), new Date(until + 2 * dayMs), true);
    return walls
      .map((wall) => wall.toPlainDateTime())
      .filter((wall) => !this.#except.has(wall.toString()))
      .map((wall) => this.#instantOf(wall))
      .filter((start) => start > from && start <= until && start <= this.#until);
  }

  nextAfter(from: number): number | undefined {
    const last = Math.min(from + aheadMaxYears * 366 * dayMs, this.#until);
    let at = from;
    for (let spanMs = 8 * dayMs; at < last; spanMs *= 4) {
      const until = Math.min(at + spanMs, last);
      const [first] = this.startsBetween(at, until);
      if (first !== undefined) return first;
      at = until;
    }
    return undefined;
  }

  #instantOf(wall: Temporal.PlainDateTime): number {
    const usual = wall.toZonedDateTime(this.#zone, { disambiguation: 'earlier' });
    if (usual.toPlainDateTime().equals(wall)) return usual.epochMilliseconds;
    // The clock skips it: "earlier" lies before the skip, which ends at the next transition.
    return (usual.getTimeZoneTransition('next') ?? usual).epochMilliseconds;
  }
}

function readWall(text: string): Temporal.PlainDateTime {
  return Temporal.PlainDateTime.from(text, { overflow: 'reject' });
}

function readUntil(text: string, zone: string): number {
  if (/^\d{8}T\d{6}Z$/.test(text)) return Temporal.Instant.from(text).epochMilliseconds;
  if (/^\d{8}T\d{6}$/.test(text)) return readWall(text).toZonedDateTime(zone).epochMilliseconds;
  throw new Error('UNTIL is a time like 20261231T230000Z');
}

/** As walls of the rule's own zone. */
function readExceptions(line: string, zone: string, text: string): readonly string[] {
  const [, zoneId, list] = exceptPattern.exec(line) ?? [];
  if (list === undefined || (zoneId !== undefined && zoneId !== zone)) {
    throw fault(text, 'has an EXDATE that is not in the time zone of its start');
  }
  return list
    .split(',')
    .map((item) =>
      item.endsWith('Z')
        ? Temporal.Instant.from(item).toZonedDateTimeISO(zone).toPlainDateTime().toString()
        : readWall(item).toString(),
    );
}

function fault(text: string, why: string): SallyportError {
  return new SallyportError('invalid', `the rule "${printable(text, 120)}" ${why}`, {
    next: 'write it as in docs/windows.md, for example "DTSTART;TZID=Europe/Zurich:20260105T220000 RRULE:FREQ=WEEKLY;BYDAY=MO"',
  });
}
