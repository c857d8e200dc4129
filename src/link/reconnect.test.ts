import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { keepDialling, type DialledLink, type DialState } from './reconnect.ts';

interface FakeLink extends DialledLink {
  end(comeBack?: { minMs: number; maxMs: number }): void;
  readonly isAborted: boolean;
}

function fakeLink(): FakeLink {
  let isAborted = false;
  let end: FakeLink['end'] = () => undefined;
  const closed = new Promise<{ comeBack?: { minMs: number; maxMs: number } }>((resolve) => {
    end = (comeBack) => resolve(comeBack === undefined ? {} : { comeBack });
  });
  return {
    closed,
    end,
    abort() {
      isAborted = true;
      end();
    },
    get isAborted() {
      return isAborted;
    },
  };
}

/** A dial loop under a clock that jumps; `states` awaits the next state the loop reports. */
function start(outcomes: readonly (FakeLink | Error)[]): {
  clock: ManualClock;
  next(): Promise<DialState<FakeLink>>;
  stop(): Promise<void>;
} {
  const clock = new ManualClock();
  const stopper = new AbortController();
  const states: DialState<FakeLink>[] = [];
  const waiting: ((state: DialState<FakeLink>) => void)[] = [];
  let dials = 0;
  const done = keepDialling<FakeLink>({
    clock,
    random: { bytes: (n) => new Uint8Array(n), fraction: () => 0.5 },
    signal: stopper.signal,
    dial: () => {
      const outcome = outcomes[dials++];
      if (outcome === undefined) return new Promise(() => undefined);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    onState(state) {
      const waiter = waiting.shift();
      if (waiter === undefined) states.push(state);
      else waiter(state);
    },
  });
  return {
    clock,
    next: () => {
      const state = states.shift();
      return state === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(state);
    },
    stop: () => {
      stopper.abort();
      return done;
    },
  };
}

async function waitMs(loop: ReturnType<typeof start>): Promise<number> {
  const state = await loop.next();
  assert.equal(state.state, 'waiting');
  return state.state === 'waiting' ? state.waitMs : Number.NaN;
}

test('failed dials wait longer each time, and say why', async () => {
  const loop = start([new Error('refused'), new Error('refused')]);
  assert.deepEqual(await loop.next(), { state: 'dialling' });
  const first = await loop.next();
  assert.equal(first.state === 'waiting' && first.error?.message, 'refused');
  loop.clock.advance(1_500);
  assert.deepEqual(await loop.next(), { state: 'dialling' });
  assert.equal(await waitMs(loop), 2_500);
  await loop.stop();
  assert.equal(loop.clock.pendingTimers, 0);
});

test('a link that was stable is dialled again soon, after any number of failures', async () => {
  const link = fakeLink();
  const loop = start([new Error('1'), new Error('2'), link]);
  for (const wait of [1_500, 2_500]) {
    await loop.next();
    assert.equal(await waitMs(loop), wait);
    loop.clock.advance(wait);
  }
  await loop.next();
  assert.equal((await loop.next()).state, 'up');
  loop.clock.advance(limits.reconnectStableAfterMs);
  link.end();
  assert.equal(await waitMs(loop), 1_500);
  await loop.stop();
});

test('a gate that says when to come back is obeyed', async () => {
  const link = fakeLink();
  const loop = start([link]);
  await loop.next();
  await loop.next();
  link.end({ minMs: 10_000, maxMs: 20_000 });
  assert.equal(await waitMs(loop), 15_000);
  await loop.stop();
});

test('stopping aborts the live link and ends the loop', async () => {
  const link = fakeLink();
  const loop = start([link]);
  await loop.next();
  await loop.next();
  await loop.stop();
  assert.ok(link.isAborted);
  assert.deepEqual(await loop.next(), { state: 'stopped' });
  assert.equal(loop.clock.pendingTimers, 0);
});
