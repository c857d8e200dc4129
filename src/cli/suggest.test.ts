import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearest } from './suggest.ts';

test('a slip of the fingers finds the word that was meant', () => {
  const known = ['exec', 'shell', 'sessions', 'devices', 'whoami'];
  assert.equal(nearest('exce', known), 'exec');
  assert.equal(nearest('session', known), 'sessions');
  assert.equal(nearest('dev', known), 'devices');
  assert.equal(nearest('shelll', known), 'shell');
});

test('a word that is far from all finds none', () => {
  assert.equal(nearest('frobnicate', ['exec', 'shell']), undefined);
  assert.equal(nearest('', ['exec']), undefined);
});

test('the distance is zero only for equal words, and the same both ways', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (one, other) => {
      assert.equal(editDistance(one, other), editDistance(other, one));
      assert.equal(editDistance(one, other) === 0, one === other);
      assert.ok(editDistance(one, other) <= Math.max(one.length, other.length));
    }),
  );
});
