import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SallyportError } from '../../core/errors.ts';
import { readRecurrence } from './recurrence.ts';

function starts(text: string, from: string, until: string): readonly string[] {
  const { startsBetween } = { startsBetween: readRecurrence(text) };
  return startsBetween
    .startsBetween(Date.parse(from), Date.parse(until))
    .map((at) => new Date(at).toISOString());
}

const zurich = 'DTSTART;TZID=Europe/Zurich:20260101T023000';

test('I9 a start that the clock skips begins at the next valid instant', () => {
  assert.deepEqual(starts(`${zurich} RRULE:FREQ=DAILY`, '2026-03-28T00:00:00Z', '2026-03-30T12:00:00Z'), [
    '2026-03-28T01:30:00.000Z',
    '2026-03-29T01:00:00.000Z',
    '2026-03-30T00:30:00.000Z',
  ]);
  const newYork = 'DTSTART;TZID=America/New_York:20260101T021500 RRULE:FREQ=WEEKLY;BYDAY=SU';
  assert.deepEqual(starts(newYork, '2026-03-07T00:00:00Z', '2026-03-09T00:00:00Z'), [
    '2026-03-08T07:00:00.000Z',
  ]);
  // Half an hour is skipped there: 02:00 to 02:30.
  const lordHowe = 'DTSTART;TZID=Australia/Lord_Howe:20260101T021500 RRULE:FREQ=DAILY';
  assert.deepEqual(starts(lordHowe, '2026-10-03T00:00:00Z', '2026-10-04T00:00:00Z'), [
    '2026-10-03T15:30:00.000Z',
  ]);
});

test('I9 a start that the clock repeats begins once, the first time', () => {
  assert.deepEqual(starts(`${zurich} RRULE:FREQ=DAILY`, '2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z'), [
    '2026-10-25T00:30:00.000Z',
    '2026-10-26T01:30:00.000Z',
  ]);
});

test('one start, a count, an end and exceptions bound it', () => {
  const year = ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'] as const;
  assert.deepEqual(starts(zurich, ...year), ['2026-01-01T01:30:00.000Z']);
  assert.equal(starts(`${zurich} RRULE:FREQ=DAILY;COUNT=3`, ...year).length, 3);
  const until = `${zurich} RRULE:FREQ=DAILY;UNTIL=20260103T013000Z`;
  assert.deepEqual(starts(until, ...year).at(-1), '2026-01-03T01:30:00.000Z');
  const except = `${zurich}\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Zurich:20260102T023000`;
  assert.deepEqual(starts(except, ...year), ['2026-01-01T01:30:00.000Z', '2026-01-03T01:30:00.000Z']);
});

test('the next start is found also where it is rare, and where none comes it is said', () => {
  const next = (text: string, from: string): string | undefined => {
    const at = readRecurrence(text).nextAfter(Date.parse(from));
    return at === undefined ? undefined : new Date(at).toISOString();
  };
  const leap = 'DTSTART:20240229T120000Z RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29';
  assert.equal(next(leap, '2026-11-26T00:00:00Z'), '2028-02-29T12:00:00.000Z');
  assert.equal(next(`${zurich} RRULE:FREQ=DAILY`, '2026-01-01T01:30:00Z'), '2026-01-02T01:30:00.000Z');
  assert.equal(
    next('DTSTART:20260101T000000Z RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', '2026-01-01T00:00:00Z'),
    undefined,
  );
  assert.equal(next(zurich, '2026-01-02T00:00:00Z'), undefined);
});

test('what is no rule is refused with words', () => {
  for (const [text, words] of [
    ['', /has no DTSTART/],
    ['RRULE:FREQ=DAILY', /has no DTSTART/],
    ['DTSTART:20260101T000000', /needs a start like/],
    ['DTSTART;TZID=Europe/Zurich:20260101T000000Z', /needs a start like/],
    ['DTSTART;TZID=Mars/Base:20260101T000000', /cannot be followed/],
    ['DTSTART:20261301T000000Z', /cannot be followed/],
    [`${zurich} RRULE:FREQ=SECONDLY`, /FREQ is YEARLY/],
    [`${zurich} RRULE:FREQ=HOURLY`, /FREQ is YEARLY/],
    [`${zurich} RRULE:FREQ=DAILY;BYDAY=XX`, /cannot be followed/],
    [`${zurich} RRULE:FREQ=DAILY RRULE:FREQ=DAILY`, /more than one RRULE/],
    [`${zurich} X-EVIL:1`, /line that is not known/],
    [`${zurich} RRULE:FREQ=DAILY;UNTIL=soon`, /UNTIL is a time/],
    [`${zurich} ${'X'.repeat(1_000)}`, /longer than/],
  ] as const) {
    assert.throws(() => readRecurrence(text), { code: 'invalid', message: words }, text);
  }
});

test('whatever the text, it is a rule or an error with words', () => {
  const part = fc.constantFrom(
    'DTSTART',
    ';TZID=',
    'UTC',
    ':',
    '20260101T000000',
    'Z',
    ' ',
    'RRULE:',
    'FREQ=DAILY',
    ';COUNT=',
    '-1',
    ';INTERVAL=0',
    'EXDATE:',
    ';BYDAY=',
    '99MO',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 14 }).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          readRecurrence(text).nextAfter(Date.UTC(2026, 0, 1));
        } catch (error) {
          assert.ok(error instanceof SallyportError, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
