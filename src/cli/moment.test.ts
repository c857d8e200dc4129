import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countFlag, durationFlag, localTimeAndDistance, momentFlag } from './moment.ts';

const now = Date.UTC(2030, 0, 2, 12);

test('a moment is RFC 3339, a date, or how long ago', () => {
  assert.equal(momentFlag('from', '8h', now), '2030-01-02T04:00:00.000Z');
  assert.equal(momentFlag('from', '2030-01-01T00:00:00+01:00', now), '2029-12-31T23:00:00.000Z');
  assert.equal(momentFlag('from', '2030-01-01', now), '2030-01-01T00:00:00.000Z');
  assert.equal(momentFlag('from', undefined, now), undefined);
});

test('what only looks like a moment, a duration or a count is refused', () => {
  for (const typed of ['yesterday', '2030', '2030-13-01', '0s', '-1h', '1 h', '']) {
    assert.throws(() => momentFlag('from', typed, now), /is not a time for "--from"/);
  }
  for (const typed of ['', '0m', '1.5h', '90', 'h']) {
    assert.throws(() => durationFlag('for', typed), /is not a duration for "--for"/);
  }
  for (const typed of ['0', '-1', '1e3', '']) {
    assert.throws(() => countFlag('limit', typed), /is not a number for "--limit"/);
  }
});

test('the distance says which way', () => {
  assert.match(localTimeAndDistance('2030-01-02T19:59:00Z', now) ?? '', /\(in 7h 59m\)$/);
  assert.match(localTimeAndDistance('2030-01-02T11:59:48Z', now) ?? '', /\(12s ago\)$/);
});
