import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandLine } from '../policy/request.ts';
import { commandWords } from './command-words.ts';

test('words are split as a shell splits them, and nothing is expanded', () => {
  assert.deepEqual(commandWords('ls  -l /tmp'), ['ls', '-l', '/tmp']);
  assert.deepEqual(commandWords(`echo 'a b' "c d" e\\ f ''`), ['echo', 'a b', 'c d', 'e f', '']);
  assert.deepEqual(commandWords('echo $HOME *'), ['echo', '$HOME', '*']);
  assert.deepEqual(commandWords('  '), []);
  assert.equal(commandWords(`echo 'open`), undefined);
});

test('the line that policy sees is split back into the words it was made of', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), (words) => {
      assert.deepEqual(commandWords(commandLine(words)), words);
    }),
  );
});
