import { test } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { startSignedTime, timeAt } from './signed-time.ts';

test('time runs from the hello, so a delayed welcome makes it later, never earlier', () => {
  const time = startSignedTime(1_000_000, 500, 500 + 20_000);
  assert.ok(time !== undefined);
  assert.equal(timeAt(time, 500 + 20_000), 1_020_000);
});

test('a welcome more than 30 s after the hello is refused, one at 30 s is not', () => {
  assert.equal(startSignedTime(1, 0, limits.welcomeWithinMs + 1), undefined);
  assert.notEqual(startSignedTime(1, 0, limits.welcomeWithinMs), undefined);
});

test('I9 a device clock a year off changes nothing: only the boot clock counts', () => {
  const time = startSignedTime(Date.UTC(2030, 0, 1), 0, 10);
  assert.ok(time !== undefined);
  assert.equal(timeAt(time, 60_000), Date.UTC(2030, 0, 1) + 60_000);
});
