// Teardown on a machine that is in trouble itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { endAll } from './end-all.ts';

function outOfFiles(): never {
  throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
}

/** Time moves whenever somebody waits for it. */
async function run<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const done = work.finally(() => {
    state.isOver = true;
  });
  // Looked at by the caller; here it only must not count as unhandled meanwhile.
  done.catch(() => undefined);
  while (!state.isOver) {
    clock.advance(5);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}

test('what cannot be counted for a moment is looked at again, and the truth is told', async () => {
  const clock = new ManualClock();
  let looks = 0;
  const count = (): number => (++looks < 3 ? outOfFiles() : 0);
  assert.equal(await run(clock, endAll(clock, { signal: outOfFiles, kill: outOfFiles, count })), 0);
  assert.equal(looks, 3);
});

test('what can never be counted counts as left, after the deadline', async () => {
  const clock = new ManualClock();
  const from = clock.bootMs();
  const count = outOfFiles;
  assert.equal(await run(clock, endAll(clock, { signal: () => undefined, kill: outOfFiles, count })), 1);
  assert.ok(clock.bootMs() - from >= limits.teardownDeadlineMs);
});

test('a fault that is not of the system is not hidden', async () => {
  const clock = new ManualClock();
  const count = (): number => {
    throw new TypeError('a mistake');
  };
  await assert.rejects(run(clock, endAll(clock, { signal: count, kill: count, count })), TypeError);
});
