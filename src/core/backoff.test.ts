import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { boundComeBack, freshBackoff, nextDial, type Backoff } from './backoff.ts';
import { limits } from './limits.ts';

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('every wait lies between the shortest and the longest reconnect', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ fraction, livedMs: fc.option(fc.nat(60_000), { nil: undefined }) }), {
        maxLength: 100,
      }),
      (losses) => {
        let backoff: Backoff = freshBackoff;
        for (const lost of losses) {
          const next = nextDial(backoff, lost);
          assert.ok(next.waitMs >= limits.reconnectMinMs && next.waitMs <= limits.reconnectMaxMs);
          backoff = next.backoff;
        }
      },
    ),
  );
});

test('the ceiling doubles with each failure up to the limit', () => {
  const almostOne = 1 - 2 ** -32;
  let backoff: Backoff = freshBackoff;
  const waits: number[] = [];
  for (let dial = 0; dial < 8; dial++) {
    const next = nextDial(backoff, { fraction: almostOne });
    backoff = next.backoff;
    waits.push(next.waitMs);
  }
  assert.deepEqual(waits, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('jitter is full: fraction 0 waits the shortest time after any number of failures', () => {
  assert.equal(nextDial({ failures: 1_000 }, { fraction: 0 }).waitMs, limits.reconnectMinMs);
});

test('a link that was stable resets the schedule, one that was not does not', () => {
  const old = { failures: 9 };
  const stable = limits.reconnectStableAfterMs;
  assert.equal(nextDial(old, { livedMs: stable, fraction: 0 }).backoff.failures, 1);
  assert.equal(nextDial(old, { livedMs: stable - 1, fraction: 0 }).backoff.failures, 10);
});

test('a come-back window is kept to, and resets the schedule', () => {
  const comeBack = { minMs: 5_000, maxMs: 15_000 };
  assert.deepEqual(nextDial({ failures: 9 }, { comeBack, fraction: 0.5 }), {
    backoff: { failures: 0 },
    waitMs: 10_000,
  });
});

test('a come-back window beyond the bounds is bounded', () => {
  assert.deepEqual(boundComeBack({ minMs: -1, maxMs: Number.MAX_SAFE_INTEGER }), {
    minMs: limits.reconnectMinMs,
    maxMs: limits.comeBackMaxMs,
  });
  assert.deepEqual(boundComeBack({ minMs: 20_000, maxMs: 10_000 }), { minMs: 20_000, maxMs: 20_000 });
  assert.deepEqual(boundComeBack({ minMs: Number.NaN, maxMs: Number.NaN }), {
    minMs: limits.reconnectMinMs,
    maxMs: limits.reconnectMinMs,
  });
});
