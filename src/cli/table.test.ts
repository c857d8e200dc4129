import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitText, fitWidths } from './table.ts';

test('columns that fit keep their width', () => {
  assert.deepEqual(fitWidths([5, 9], 20), [5, 9]);
});

test('the widest columns give way first, and none below what still says something', () => {
  assert.deepEqual(fitWidths([4, 30, 10], 30), [4, 16, 10]);
  assert.deepEqual(fitWidths([20, 20], 10), [6, 6]);
});

test('a text takes exactly its width, wide characters counted as two and marks as none', () => {
  assert.equal(fitText('ab', 4), 'ab  ');
  assert.equal(fitText('abcdef', 4), 'abc…');
  assert.equal(fitText('日本語', 4), '日… ');
  assert.equal(fitText('e\u0301', 2), 'e\u0301 ');
});
