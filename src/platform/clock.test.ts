import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { systemRandom } from './random.ts';
import { seededRandom } from './seeded-random.ts';

test('boot time does not fall', () => {
  let last = systemClock.bootMs();
  for (let reads = 0; reads < 100; reads++) {
    const next = systemClock.bootMs();
    assert.ok(next >= last);
    last = next;
  }
});

test(
  'boot time on Linux is the time since boot, suspend included',
  { skip: process.platform !== 'linux' },
  () => {
    const uptimeMs = Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * 1_000;
    assert.ok(systemClock.bootMs() - uptimeMs < 5_000);
    assert.ok(systemClock.bootMs() >= uptimeMs);
  },
);

test('a timer longer than setTimeout can hold does not fire at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let fired = 0;
  systemClock.setTimer(2 ** 31 + 1_000, () => fired++);
  t.mock.timers.tick(2 ** 31 - 1);
  assert.equal(fired, 0);
  t.mock.timers.tick(1_001);
  assert.equal(fired, 1);
});

test('a long timer can be cancelled in its second leg', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const timer = systemClock.setTimer(2 ** 31 + 1_000, () => assert.fail('ran'));
  t.mock.timers.tick(2 ** 31 - 1);
  timer.cancel();
  t.mock.timers.tick(10_000);
});

test('system bytes differ each time and fractions stay below one', () => {
  assert.notDeepEqual(systemRandom.bytes(16), systemRandom.bytes(16));
  for (let draws = 0; draws < 1_000; draws++) {
    const fraction = systemRandom.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});

test('the same seed gives the same bytes however they are drawn, another seed others', () => {
  const one = seededRandom('a');
  const other = seededRandom('a');
  assert.deepEqual(Buffer.concat([one.bytes(5), one.bytes(60)]), Buffer.from(other.bytes(65)));
  assert.notDeepEqual(seededRandom('a').bytes(16), seededRandom('b').bytes(16));
});
