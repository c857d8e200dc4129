import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Newest } from './newest.ts';

void test('an answer is made once, and again after as many others', () => {
  const newest = new Newest<string>(2);
  const made: string[] = [];
  const ask = (key: string) =>
    newest.get(key, () => {
      made.push(key);
      return key.toUpperCase();
    });
  assert.deepEqual(['a', 'b', 'a', 'c', 'a', 'b'].map(ask), ['A', 'B', 'A', 'C', 'A', 'B']);
  assert.deepEqual(made, ['a', 'b', 'c', 'b']);
  assert.equal(newest.size, 2);
  newest.forget('b');
  ask('b');
  assert.deepEqual(made, ['a', 'b', 'c', 'b', 'b']);
});

void test('no answer is not kept', () => {
  const newest = new Newest<string>(2);
  assert.equal(
    newest.get('a', () => undefined),
    undefined,
  );
  assert.equal(
    newest.get('a', () => 'A'),
    'A',
  );
});
