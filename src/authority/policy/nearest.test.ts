import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.ts';

const known = ['maxSession', 'idle', 'user', 'banner'];

test('a name within two edits of a known one, in any case, is recognised', () => {
  assert.equal(nearest('maxsession', known), 'maxSession');
  assert.equal(nearest('maxSesion', known), 'maxSession');
  assert.equal(nearest('idel', known), 'idle');
  assert.equal(nearest('baner', known), 'banner');
});

test('a name far from every known one has no suggestion', () => {
  assert.equal(nearest('record', known), undefined);
  assert.equal(nearest('x'.repeat(100_000), known), undefined);
});
