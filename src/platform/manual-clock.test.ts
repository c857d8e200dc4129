import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ManualClock } from './manual-clock.ts';

test('due timers run in the order of their due times, each seeing its own time', () => {
  const clock = new ManualClock({ now: 0, bootMs: 0 });
  const seen: [string, number, number][] = [];
  for (const [name, ms] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
  ] as const) {
    clock.setTimer(ms, () => seen.push([name, clock.now(), clock.bootMs()]));
  }
  clock.advance(25);
  assert.deepEqual(seen, [
    ['a', 10, 10],
    ['b', 20, 20],
  ]);
  assert.equal(clock.now(), 25);
  assert.equal(clock.nextDueAt, 30);
});

test('timers due at the same time run in the order they were set', () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  for (const at of [0, 1, 2]) clock.setTimer(5, () => seen.push(at));
  clock.advance(5);
  assert.deepEqual(seen, [0, 1, 2]);
});

test('a timer set by a timer runs in the same advance when it is due', () => {
  const clock = new ManualClock({ bootMs: 0 });
  const seen: number[] = [];
  const again = (): void => {
    seen.push(clock.bootMs());
    clock.setTimer(10, again);
  };
  clock.setTimer(10, again);
  clock.advance(35);
  assert.deepEqual(seen, [10, 20, 30]);
  assert.equal(clock.pendingTimers, 1);
});

test('a cancelled timer does not run, and cancelling twice is fine', () => {
  const clock = new ManualClock();
  const timer = clock.setTimer(1, () => assert.fail('ran'));
  timer.cancel();
  timer.cancel();
  clock.advance(10);
  assert.equal(clock.pendingTimers, 0);
});

test('a jump of wall time fires nothing and leaves boot time alone', () => {
  const clock = new ManualClock({ now: 1_000, bootMs: 5 });
  clock.setTimer(10, () => assert.fail('ran'));
  clock.setNow(9_999_999);
  assert.equal(clock.now(), 9_999_999);
  assert.equal(clock.bootMs(), 5);
});

test('a timer that keeps setting itself again with 0 ms is reported, not waited for', () => {
  const clock = new ManualClock();
  const again = (): void => void clock.setTimer(0, again);
  again();
  assert.throws(() => clock.advance(1), /keeps setting itself/);
});

test('however an advance is cut into steps, the same timers run at the same times', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { maxLength: 8 }),
      fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }),
      (delays, steps) => {
        const run = (parts: readonly number[]): readonly string[] => {
          const clock = new ManualClock({ bootMs: 0 });
          const seen: string[] = [];
          delays.forEach((ms, at) => clock.setTimer(ms, () => seen.push(`${at}@${clock.bootMs()}`)));
          for (const part of parts) clock.advance(part);
          return seen;
        };
        assert.deepEqual(run(steps), run([steps.reduce((sum, ms) => sum + ms, 0)]));
      },
    ),
  );
});
