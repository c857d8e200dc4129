import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { derFromP1363, p1363FromDer } from './ecdsa-form.ts';

void test('what Node signs in one form it verifies in the other, and back', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (let n = 0; n < 300; n += 1) {
    const data = Buffer.from(`statement ${n}`);
    const der = sign('sha256', data, privateKey);
    const joined = p1363FromDer(der);
    assert.deepEqual(derFromP1363(joined), der);
    assert.ok(verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, joined));
  }
});

void test('any 64 bytes survive the way there and back, short numbers and high bits too', () => {
  const edges = [Buffer.alloc(64), Buffer.alloc(64, 255), Buffer.alloc(64, 0x80), Buffer.alloc(64, 0x7f)];
  for (const joined of edges) assert.deepEqual(p1363FromDer(derFromP1363(joined)), joined);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (joined) => {
      assert.deepEqual(p1363FromDer(derFromP1363(joined)), Buffer.from(joined));
    }),
  );
});

void test('what is no signature in DER is refused', () => {
  const long = Buffer.from(`3025022100${'ff'.repeat(33)}020101`, 'hex');
  const cut = Buffer.from('3006020101', 'hex');
  const other = Buffer.from('3106020101020101', 'hex');
  for (const der of [Buffer.alloc(0), cut, other, long])
    assert.throws(() => p1363FromDer(der), TypeError, der.toString('hex'));
});
