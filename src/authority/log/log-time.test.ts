import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMicros, nextMicros, parseMicros, timeBound } from './log-time.ts';

// 1970 to 2200.
const micros = fc.integer({ min: 0, max: 7_258_118_400_000_000 });

test('a time survives being written and read, and text order is time order', () => {
  fc.assert(
    fc.property(micros, micros, (a, b) => {
      assert.equal(parseMicros(formatMicros(a)), a);
      assert.equal(formatMicros(a) < formatMicros(b), a < b);
    }),
  );
});

test('time rises by at least a microsecond', () => {
  assert.equal(nextMicros(0, 1_000.5), 1_000_500);
  assert.equal(nextMicros(1_000_000, 1_000), 1_000_001);
  assert.equal(nextMicros(5_000_000, 1_000), 5_000_001);
  assert.equal(nextMicros(1_000_000, 1_001), 1_001_000);
});

test('bounds are read as RFC 3339 writes them', () => {
  assert.equal(timeBound('2030-01-01T00:00:00Z'), '2030-01-01T00:00:00.000000Z');
  assert.equal(timeBound('2030-01-01t01:30:00.5+01:30'), '2030-01-01T00:00:00.500000Z');
  assert.equal(timeBound('2030-01-01T00:00:00.1234567Z'), '2030-01-01T00:00:00.123456Z');
  for (const text of ['', 'yesterday', '2030-01-01', '2030-13-01T00:00:00Z', '2030-01-01T00:00:00', '1e3']) {
    assert.throws(() => timeBound(text), { code: 'invalid', message: `"${text}" is not a time` });
  }
});
