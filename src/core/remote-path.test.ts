import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isWithin, normalPath } from './remote-path.ts';

test('a path has one normal form', () => {
  assert.equal(normalPath('/opt//fw/'), '/opt/fw');
  assert.equal(normalPath('/'), '/');
  assert.equal(normalPath('//'), '/');
  assert.equal(normalPath('~'), '~');
  assert.equal(normalPath('~/a//b'), '~/a/b');
});

test('S5 what could lead elsewhere has no normal form', () => {
  for (const text of [
    '',
    'a',
    './a',
    '../a',
    '/a/../b',
    '/..',
    '/a/./b',
    '~/..',
    '~root/x',
    '/a\0b',
    '/\ud800',
    `/${'a'.repeat(5_000)}`,
  ]) {
    assert.equal(normalPath(text), undefined, JSON.stringify(text.slice(0, 20)));
  }
});

test('normalising twice is normalising once, and never leaves its root', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 6 }), { maxLength: 6 }), (names) => {
      const path = normalPath(`/root/${names.join('/')}`);
      if (path === undefined) return;
      assert.equal(normalPath(path), path);
      assert.ok(isWithin(path, '/root'));
    }),
  );
});

test('a neighbour with the same beginning is not within', () => {
  assert.ok(isWithin('/opt/fw/a', '/opt/fw'));
  assert.ok(isWithin('/opt/fw', '/opt/fw'));
  assert.ok(isWithin('/x', '/'));
  assert.ok(!isWithin('/opt/fw2', '/opt/fw'));
  assert.ok(!isWithin('/opt', '/opt/fw'));
});
