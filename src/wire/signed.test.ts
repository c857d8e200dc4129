import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../core/limits.ts';
import { keyId, signStatement, verifyStatement, type Signer } from './signed.ts';

const ed25519 = generateKeyPairSync('ed25519');
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const find = (pair: typeof p256) => (kid: string) =>
  kid === keyId(pair.publicKey) ? pair.publicKey : undefined;
const signer = (pair: typeof p256): Signer => ({ kid: keyId(pair.publicKey), privateKey: pair.privateKey });

for (const [name, pair] of [
  ['Ed25519', ed25519],
  ['P-256', p256],
] as const) {
  test(`a statement signed by ${name} verifies, and no other purpose accepts it`, () => {
    const text = signStatement('pass', { a: 1 }, signer(pair));
    const verified = verifyStatement('pass', text, find(pair));
    assert.ok(verified.ok);
    assert.deepEqual(verified.payload, { a: 1, kid: keyId(pair.publicKey) });
    assert.deepEqual(verifyStatement('lease', text, find(pair)), { ok: false, fault: 'bad_signature' });
  });

  test(`L7 one changed character of a ${name} statement is refused`, () => {
    const text = signStatement('pass', { session: 'ses_1', n: 7 }, signer(pair));
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('A', 'B', 'a', 'b', '0', '1', '-', '_', '.'),
        (at, character) => {
          if (text[at] === character) return;
          const changed = text.slice(0, at) + character + text.slice(at + 1);
          const verified = verifyStatement('pass', changed, find(pair));
          // The last character of base64url may carry unused bits: the decoded bytes must then be the same.
          if (verified.ok) assert.deepEqual(decode(changed), decode(text));
        },
      ),
    );
  });
}

function decode(text: string): readonly string[] {
  return text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
}

test('a key of another kind cannot verify, and an unknown one is named as such', () => {
  const text = signStatement('pass', { a: 1 }, signer(ed25519));
  assert.deepEqual(
    verifyStatement('pass', text, () => undefined),
    { ok: false, fault: 'unknown_key' },
  );
  assert.deepEqual(
    verifyStatement('pass', text, () => p256.publicKey),
    { ok: false, fault: 'bad_signature' },
  );
});

test('whatever the bytes, the answer is a value', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      assert.equal(verifyStatement('pass', text, find(p256)).ok, false);
    }),
  );
  assert.deepEqual(verifyStatement('pass', 'a'.repeat(limits.statementMaxBytes + 1), find(p256)), {
    ok: false,
    fault: 'malformed',
  });
});

test('RSA keys sign nothing', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  assert.throws(() => signStatement('pass', {}, { kid: 'x', privateKey: rsa.privateKey }), TypeError);
});
