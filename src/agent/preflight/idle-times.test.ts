import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleTimes, judgeIdle, type IdleResult } from './idle-times.ts';

const secondMs = 1_000;

function results(survived: readonly number[], lost: readonly number[]): readonly IdleResult[] {
  return [
    ...survived.map((seconds) => ({ forMs: seconds * secondMs, hasSurvived: true })),
    ...lost.map((seconds) => ({ forMs: seconds * secondMs, hasSurvived: false })),
  ];
}

test('the times halve from the longest down to the ping, which is always among them', () => {
  assert.deepEqual(idleTimes(300 * secondMs), [15_000, 18_750, 37_500, 75_000, 150_000, 300_000]);
  assert.deepEqual(idleTimes(15 * secondMs), [15_000]);
  assert.deepEqual(idleTimes(8 * secondMs), [1_000, 2_000, 4_000, 8_000]);
  assert.deepEqual(idleTimes(1_000), [1_000]);
  assert.ok(idleTimes(30 * 60 * secondMs).length <= 8);
});

test('all that was tried survived', () => {
  const verdict = judgeIdle(results([15, 19, 300], []));
  assert.equal(verdict.ok, true);
  assert.equal(
    verdict.detail,
    'an idle connection survived 5m, the longest that was tried: a ping every 15s is often enough',
  );
  assert.match(judgeIdle(results([1, 2], [])).next ?? '', /try at least 15s/);
});

test('the NAT forgets later than the agent pings', () => {
  const verdict = judgeIdle(results([15, 19, 38, 75], [150, 300]));
  assert.deepEqual(verdict, {
    ok: true,
    detail:
      'an idle connection survived 1m 15s and was forgotten within 2m 30s: a ping every 15s is often enough',
  });
  const tight = judgeIdle(results([15, 19], [38]));
  assert.equal(tight.ok, true);
  assert.match(tight.next ?? '', /would be safer/);
});

test('the NAT forgets before the agent pings, or at once', () => {
  const verdict = judgeIdle(results([2, 4], [8, 15]));
  assert.equal(verdict.ok, false);
  assert.match(verdict.detail, /survived 4s and was forgotten within 8s: less than the 15s between/);
  assert.match(judgeIdle(results([], [15, 19])).detail, /^an idle connection was forgotten within 15s/);
});

test('one that survived longer than one that was lost is luck, and not counted', () => {
  assert.match(judgeIdle(results([15, 300], [60])).detail, /survived 15s and was forgotten within 1m/);
});
