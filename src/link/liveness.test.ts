import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { watchLiveness, type Watch } from './liveness.ts';

interface Watched {
  readonly clock: ManualClock;
  readonly watch: Watch;
  bytes: number;
  pings: number;
  deadAt: number | undefined;
}

function watched(answersPings: () => boolean): Watched {
  const clock = new ManualClock({ bootMs: 0 });
  const state: { bytes: number; pings: number; deadAt: number | undefined } = {
    bytes: 0,
    pings: 0,
    deadAt: undefined,
  };
  const watch = watchLiveness({
    clock,
    bytesRead: () => state.bytes,
    ping() {
      state.pings += 1;
      if (answersPings()) state.bytes += 17;
    },
    onDead() {
      state.deadAt = clock.bootMs();
    },
  });
  return Object.assign(state, { clock, watch });
}

test('a peer that answers pings lives for ever', () => {
  const peer = watched(() => true);
  peer.clock.advance(3_600_000);
  assert.equal(peer.deadAt, undefined);
  // Its answer is seen by the next look, a third of the interval later, and puts the next ping off.
  assert.equal(peer.pings, 3_600_000 / (limits.pingIntervalMs + limits.pingIntervalMs / 3));
  peer.watch.stop();
  assert.equal(peer.clock.pendingTimers, 0);
});

test('two quiet ends ask one another in turn, and a busy link is asked all the same', () => {
  const clock = new ManualClock({ bootMs: 0 });
  const ends = [0, 1].map(() => ({ bytes: 0, pings: 0 }));
  const isBusy = { value: false };
  const watches = ends.map((end, at) => {
    clock.advance(at * 1_300);
    return watchLiveness({
      clock,
      bytesRead: () => (isBusy.value ? (end.bytes += 100_000) : end.bytes),
      ping() {
        end.pings += 1;
        // The ping there, its answer here.
        for (const one of ends) one.bytes += 39;
      },
      onDead: () => assert.fail('it lives'),
    });
  });
  clock.advance(3_600_000);
  const quiet = ends.reduce((sum, { pings }) => sum + pings, 0);
  assert.ok(quiet >= 3_600 / 20 && quiet <= 3_600 / 15, `${quiet} in an hour`);
  isBusy.value = true;
  clock.advance(3_600_000);
  const busy = ends.reduce((sum, { pings }) => sum + pings, 0) - quiet;
  assert.ok(busy >= 2 * 239, `${busy} in an hour`);
  for (const watch of watches) watch.stop();
});

test('any received byte counts as life', () => {
  const peer = watched(() => false);
  for (let second = 0; second < 600; second += 30) {
    peer.clock.advance(30_000);
    peer.bytes += 1;
  }
  assert.equal(peer.deadAt, undefined);
});

test('a silent peer is dead at most 45 s after its last byte, whenever that came', () => {
  for (let lastByteAt = 0; lastByteAt < 20_000; lastByteAt += 777) {
    const peer = watched(() => false);
    peer.clock.advance(lastByteAt);
    peer.bytes += 1;
    peer.clock.advance(120_000);
    const silentMs = (peer.deadAt ?? Infinity) - lastByteAt;
    assert.ok(silentMs <= limits.peerDeadAfterMs && silentMs >= 39_000, `${lastByteAt}: ${silentMs}`);
    assert.equal(peer.clock.pendingTimers, 0);
  }
});

test('a process that was itself stopped asks before it judges', () => {
  let at = 0;
  let timer: (() => void) | undefined;
  let bytes = 0;
  let isDead = false;
  let pings = 0;
  watchLiveness({
    clock: {
      now: () => at,
      bootMs: () => at,
      setTimer(_ms, run) {
        timer = run;
        return { cancel: () => undefined };
      },
    },
    bytesRead: () => bytes,
    ping: () => {
      pings += 1;
    },
    onDead: () => {
      isDead = true;
    },
  });
  at = 600_000;
  timer?.();
  assert.deepEqual([isDead, pings], [false, 1]);
  bytes = 17;
  at += 5_000;
  timer?.();
  at += 30_000;
  timer?.();
  assert.equal(isDead, false);
});
