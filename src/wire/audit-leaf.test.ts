import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { EventId } from '../core/ids.ts';
import { firstChainHash, makeLeaf, nextChainHash } from './audit-leaf.ts';

const parts = {
  fields: {
    type: 'session.ended',
    actor: { kind: 'system', id: 'gate-1' },
    outcome: 'success',
    code: 'lock',
    policies: ['a'],
  },
  seq: 1,
  id: 'evt_1' as EventId,
  time: '2030-01-01T00:00:00.000000Z',
  body: '{"reason":"lost laptop"}',
  salt: Uint8Array.from({ length: 32 }, (_, index) => index),
  previous: firstChainHash,
} as const;

const sha256 = (...bytes: readonly Uint8Array[]): string =>
  createHash('sha256').update(Buffer.concat(bytes)).digest('base64url');

// The vector that docs/audit.md prints, computed there by another program.
test('a leaf has exactly the bytes and hashes of the specification', () => {
  assert.equal(firstChainHash, sha256(Buffer.from('sallyport/audit/v1')));
  assert.deepEqual(makeLeaf(parts), {
    seq: 1,
    envelope:
      '{"actor":{"id":"gate-1","kind":"system"},"bodyHash":"7FezcakELlZfhZUvTIr1mhh3inETwYURkz7lPyGZI44",' +
      '"code":"lock","id":"evt_1","outcome":"success","policies":["a"],"seq":1,' +
      '"time":"2030-01-01T00:00:00.000000Z","type":"session.ended","v":1}',
    salt: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
    body: '{"reason":"lost laptop"}',
    leafHash: 'nfYx8OJrOMnk3dlOgvedYApmcrvdQF411NIJE0DLKbM',
    chainHash: '8w3x1BK5qBXOcstkR9C8ZjztVYUmNu8U01VUEBdG3gY',
  });
});

test('the hashes are put together as the specification says', () => {
  const leaf = makeLeaf(parts);
  const { bodyHash } = JSON.parse(leaf.envelope) as Record<string, unknown>;
  assert.equal(bodyHash, sha256(parts.salt, Buffer.from(parts.body)));
  assert.equal(leaf.leafHash, sha256(Buffer.of(0), Buffer.from(leaf.envelope)));
  const previous = Buffer.from(firstChainHash, 'base64url');
  assert.equal(leaf.chainHash, sha256(Buffer.of(2), previous, Buffer.from(leaf.leafHash, 'base64url')));
  assert.equal(leaf.chainHash, nextChainHash(firstChainHash, leaf.leafHash));
});

test('the same body under another salt has another hash', () => {
  const other = makeLeaf({ ...parts, salt: new Uint8Array(32) });
  assert.notEqual(other.leafHash, makeLeaf(parts).leafHash);
});

test('what a draft carries besides its own fields stays out of the envelope', () => {
  const fields = { ...parts.fields, name: 'alice' };
  assert.equal(makeLeaf({ ...parts, fields }).envelope, makeLeaf(parts).envelope);
});
