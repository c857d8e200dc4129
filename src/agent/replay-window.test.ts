import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ReplayWindow } from './replay-window.ts';

test('a number is good once', () => {
  const window = new ReplayWindow();
  assert.equal(window.use(7), true);
  assert.equal(window.use(7), false);
  assert.equal(window.use(6), true);
});

test('a number below the window counts as used, one inside it does not', () => {
  const window = new ReplayWindow(4);
  window.use(10);
  assert.equal(window.use(6), false);
  assert.equal(window.use(7), true);
});

test('a jump far ahead neither forgets what it should know nor grows', () => {
  const window = new ReplayWindow(4);
  for (const n of [0, 1, 2, 3, Number.MAX_SAFE_INTEGER - 1]) window.use(n);
  assert.equal(window.remembered, 1);
  assert.equal(window.use(3), false);
  assert.equal(window.use(Number.MAX_SAFE_INTEGER - 1), false);
});

test('no number is ever accepted twice, and memory stays within the window', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 200 }), (numbers) => {
      const window = new ReplayWindow(8);
      const accepted = numbers.filter((n) => window.use(n));
      assert.equal(new Set(accepted).size, accepted.length);
      assert.ok(window.remembered <= 8);
    }),
  );
});

test('numbers in rising order are all accepted', () => {
  const window = new ReplayWindow(8);
  for (let n = 0; n < 100; n++) assert.equal(window.use(n), true);
});
