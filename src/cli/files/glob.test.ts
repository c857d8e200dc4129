import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPattern, matchesGlob, parseGlob } from './glob.ts';

function matches(pattern: string, name: string | Uint8Array): boolean {
  return matchesGlob(parseGlob(pattern), typeof name === 'string' ? Buffer.from(name) : name);
}

const table: readonly (readonly [string, string, boolean])[] = [
  ['*.log', 'a.log', true],
  ['*.log', '.log', false],
  ['.*', '.log', true],
  ['*.log', 'a.log.1', false],
  ['a*b*c', 'a1b2b3c', true],
  ['a*b*c', 'a1b2b3', false],
  ['**', 'x', true],
  ['?', 'é', true],
  ['?', 'ab', false],
  ['?', '', false],
  ['*', '', true],
  ['[abc]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[!a-c]x', 'dx', true],
  ['[^a]', 'a', false],
  ['[]]', ']', true],
  ['[a-]', '-', true],
  ['[ab', '[ab', true],
  ['a[*]b', 'a*b', true],
  ['a[*]b', 'axb', false],
  ['[.]x', '.x', false],
  ['line*', 'line\nbreak', true],
  ['\\*', '\\x', true],
];

for (const [pattern, name, answer] of table) {
  test(`"${pattern}" ${answer ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () => {
    assert.equal(matches(pattern, name), answer);
  });
}

test('a name that is no text is matched byte by byte, and by no character', () => {
  const name = Buffer.from([0x61, 0xff, 0x62]);
  assert.ok(matches('a?b', name));
  assert.ok(matches('a*', name));
  assert.ok(!matches('aÿb', name));
  assert.ok(matches('a[!x]b', name));
});

test('a name without special characters matches itself alone', () => {
  const plain = fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !isPattern(name));
  fc.assert(
    fc.property(plain, plain, (name, other) => {
      assert.ok(matches(name, name));
      assert.equal(matches(name, other), name === other);
    }),
  );
});

test('against a plain translation to a regular expression nothing differs', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(pattern, name, (typed, text) => {
      const expected = new RegExp(`^${typed.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
      assert.equal(matches(typed, text), expected);
    }),
  );
});

test('many stars cost no more than pattern times name', () => {
  const name = 'a'.repeat(250);
  const startedAt = performance.now();
  assert.ok(!matches(`${'*a'.repeat(100)}b`, name));
  assert.ok(performance.now() - startedAt < 1_000);
});
