import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readEscapes, type EscapeState } from './escape.ts';

/** Types the chunks one after another: what was sent, and the commands in their places. */
function type(...chunks: readonly string[]): string {
  let state: EscapeState = 'line_start';
  let seen = '';
  for (const chunk of chunks) {
    const read = readEscapes(state, Buffer.from(chunk, 'latin1'));
    state = read.state;
    for (const part of read.parts) {
      seen += part.kind === 'send' ? Buffer.from(part.bytes).toString('latin1') : `<${part.kind}>`;
    }
  }
  return seen;
}

test('"~." ends at the very start and after a line end', () => {
  assert.equal(type('~.'), '<end>');
  assert.equal(type('ls\r~.'), 'ls\r<end>');
  assert.equal(type('ls\n~.'), 'ls\n<end>');
});

test('"~." inside a line is text', () => {
  assert.equal(type('cd ~.'), 'cd ~.');
  assert.equal(type(' ~.'), ' ~.');
});

test('"~?" helps, and the line start is still one', () => {
  assert.equal(type('~?~.'), '<help><end>');
});

test('"~~" sends one "~", and what follows is inside the line', () => {
  assert.equal(type('~~.'), '~.');
  assert.equal(type('~~~.'), '~~.');
});

test('a held "~" is sent with whatever else follows', () => {
  assert.equal(type('~/bin\r'), '~/bin\r');
  assert.equal(type('~\r~.'), '~\r<end>');
});

test('an escape is understood however it is cut into chunks', () => {
  const texts = fc.stringMatching(/^[~.?\ra]{0,12}$/);
  fc.assert(
    fc.property(texts, fc.array(fc.nat(12), { maxLength: 6 }), (text, cuts) => {
      const chunks: string[] = [];
      let from = 0;
      for (const at of cuts.toSorted((one, two) => one - two)) {
        chunks.push(text.slice(from, at));
        from = Math.max(from, at);
      }
      chunks.push(text.slice(from));
      assert.equal(type(...chunks), type(text));
    }),
  );
});

test('without escapes every byte is sent unchanged', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const plain = bytes.filter((byte) => byte !== 0x7e);
      const sent = readEscapes('line_start', plain).parts.map((part) =>
        part.kind === 'send' ? Buffer.from(part.bytes) : Buffer.from('?'),
      );
      assert.deepEqual(new Uint8Array(Buffer.concat(sent)), plain);
    }),
  );
});
