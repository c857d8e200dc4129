import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandLine, commandWords } from './command-words.ts';

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

test('a plain command reads as it was typed', () => {
  assert.equal(commandLine(['ls', '-l', '/var/log', '--x=1']), 'ls -l /var/log --x=1');
  assert.equal(commandLine([]), '');
});

test('a word with a space, a quote, a star or nothing in it is quoted', () => {
  assert.equal(commandLine(['rm', 'a b', '', "it's", '*']), String.raw`rm 'a b' '' 'it'\''s' '*'`);
});

test('two different commands never look alike to policy', () => {
  const words = fc.array(
    fc.string({ unit: fc.constantFrom('a', ' ', "'", '\\', '"', ';', '\n'), maxLength: 4 }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(words, words, (one, other) => {
      assert.equal(commandLine(one) === commandLine(other), JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 500 },
  );
});
