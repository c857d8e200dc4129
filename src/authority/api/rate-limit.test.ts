import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { RateLimit } from './rate-limit.ts';

test('an address has its share of a minute, and a new one in the next', () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 2);
  assert.deepEqual(
    [limit.take('a'), limit.take('a'), limit.take('a'), limit.take('b')],
    [true, true, false, true],
  );
  clock.advance(60_000);
  assert.equal(limit.take('a'), true);
});

test('asking whether something is left takes nothing', () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 1);
  assert.deepEqual([limit.hasLeft('a'), limit.hasLeft('a'), limit.take('a')], [true, true, true]);
  assert.deepEqual([limit.hasLeft('a'), limit.hasLeft('b')], [false, true]);
  clock.advance(60_000);
  assert.equal(limit.hasLeft('a'), true);
});

test('a wall clock that jumps opens no new minute', () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 1);
  limit.take('a');
  clock.setNow(clock.now() + 86_400_000);
  assert.equal(limit.take('a'), false);
});

test('more addresses than are tracked make the oldest be forgotten, not the newest', () => {
  const limit = new RateLimit(new ManualClock(), 1);
  for (let at = 0; at <= limits.addressesTrackedMax; at += 1) limit.take(String(at));
  assert.equal(limit.take('0'), true);
  assert.equal(limit.take(String(limits.addressesTrackedMax)), false);
});
