import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { decodeComeBack, encodeComeBack } from './come-back.ts';

test('a come-back window survives its encoding', () => {
  const window = { minMs: 2_000, maxMs: 9_000 };
  assert.deepEqual(decodeComeBack(encodeComeBack(window)), window);
});

test('the receiver bounds what a gate asks for', () => {
  const asked = encodeComeBack({ minMs: 0, maxMs: Number.MAX_SAFE_INTEGER });
  assert.deepEqual(decodeComeBack(asked), { minMs: limits.reconnectMinMs, maxMs: limits.comeBackMaxMs });
});

test('anything that is not a window counts as nothing said', () => {
  const texts = ['', '{', '[]', 'null', '{"comeBackMinMs":1}', '{"comeBackMinMs":"1","comeBackMaxMs":2}'];
  for (const text of [...texts, `{"comeBackMinMs":1,"comeBackMaxMs":2,"x":"${'x'.repeat(300)}"}`]) {
    assert.equal(decodeComeBack(Buffer.from(text)), undefined, text);
  }
  assert.equal(decodeComeBack(undefined), undefined);
});
