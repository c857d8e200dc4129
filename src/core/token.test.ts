import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatToken, parseToken } from './token.ts';

const value = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));

test('a token reads back as it was written', () => {
  fc.assert(
    fc.property(fc.constantFrom('device', 'human'), value, value, (kind, secret, rootFingerprint) => {
      const token = { kind, secret, rootFingerprint } as const;
      assert.deepEqual(parseToken(formatToken(token)), token);
    }),
  );
});

test('nothing but the exact form is a token', () => {
  const good = formatToken({
    kind: 'device',
    secret: Buffer.alloc(32).toString('base64url'),
    rootFingerprint: Buffer.alloc(32, 7).toString('base64url'),
  });
  const bad = [
    '',
    ` ${good}`,
    `${good}\n`,
    good.replace('sp2', 'sp1'),
    good.replace('.d.', '.x.'),
    good.slice(0, -1),
    `${good.slice(0, -1)}B`,
    `${good}.more`,
  ];
  for (const text of bad) assert.equal(parseToken(text), undefined, text);
});

test('a token with a short secret cannot be made', () => {
  assert.throws(() => formatToken({ kind: 'human', secret: 'AA', rootFingerprint: 'AA' }), RangeError);
});
