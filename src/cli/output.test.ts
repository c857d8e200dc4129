import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonText, printableLines } from './output.ts';

const active = /[\p{C}\p{Zl}\p{Zp}]/u;

test('R7 JSON is harmless on a terminal and still the same value', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff)), (units) => {
      const value = String.fromCharCode(...units);
      const text = jsonText({ value }, { isLine: true });
      assert.equal(text.search(active), -1);
      assert.deepEqual(JSON.parse(text), { value });
    }),
  );
});

test('R7 lines keep their line feeds and nothing else that moves a cursor', () => {
  assert.equal(printableLines('a\tb\n\u001b[2Jc\r'), 'a    b\n\\u{1b}[2Jc\\u{d}');
});
