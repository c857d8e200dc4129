import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { peerKinds } from '../../src/core/spiffe.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { peerOf } from '../../src/wire/tls-peer.ts';
import { hourMs, makeLeaf, makeNamed, makePki } from './pki-fixture.ts';

const now = Date.UTC(2030, 0, 1);
const { root, issuing } = await makePki(now);
const uri = 'spiffe://gate.example.com/prod/gate/g1';

test('every kind of leaf is read back as the peer it was issued to', async () => {
  for (const kind of peerKinds) {
    const leaf = await makeLeaf(issuing, kind, { now });
    assert.deepEqual(peerOf(new X509Certificate(leaf.certificatePem), { now }), {
      trustDomain: 'gate.example.com',
      env: 'prod',
      kind,
      id: `${kind}-1`,
      spki: spkiThumbprint(leaf.publicKey),
      serial: leaf.serial,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    });
  }
});

test('dates are checked against the given time only', async () => {
  const leaf = await makeLeaf(issuing, 'device', { now });
  const certificate = new X509Certificate(leaf.certificatePem);
  assert.equal(peerOf(certificate, { now: now + hourMs + 1_000 }), 'expired');
  assert.equal(peerOf(certificate, { now: now - 61_000 }), 'not_yet_valid');
  assert.equal(typeof peerOf(certificate, { now: now + hourMs }), 'object');
  assert.equal(typeof peerOf(certificate, { now: now - 60_000 }), 'object');
  assert.equal(typeof peerOf(certificate), 'object');
});

test('L5 a CA certificate is nobody, whatever it is named', () => {
  assert.equal(peerOf(root.certificate), 'is_ca');
  assert.equal(peerOf(issuing.certificate), 'is_ca');
});

const gate = { type: 'url', value: uri } as const;
for (const [words, names, fault] of [
  ['two URIs', [gate, { type: 'url', value: 'spiffe://gate.example.com/prod/authority/a' }], 'several_names'],
  ['the same URI twice', [gate, gate], 'several_names'],
  ['a second name behind a comma in a URI', [{ type: 'url', value: `${uri}, URI:${uri}` }], 'odd_name'],
  ['a URI inside a DNS name', [{ type: 'dns', value: `a, URI:${uri}` }], 'odd_name'],
  ['a URI inside a DNS name, without the blank', [{ type: 'dns', value: `a,URI:${uri}` }], 'odd_name'],
  ['a quoted URI inside a DNS name', [{ type: 'dns', value: `"a", URI:${uri}` }, gate], 'odd_name'],
  ['a quote in the URI', [{ type: 'url', value: `${uri}"` }], 'odd_name'],
  ['a NUL in the URI', [{ type: 'url', value: `${uri}\0.evil` }], 'odd_name'],
  ['a line end in the URI', [{ type: 'url', value: `${uri}\n` }], 'odd_name'],
  ['a backslash in the URI', [{ type: 'url', value: `${uri}\\x` }], 'odd_name'],
  ['a mail address beside the URI', [gate, { type: 'email', value: 'a@example.com' }], 'odd_name'],
  ['a DNS name that looks like a URI entry', [{ type: 'dns', value: `URI:${uri}` }], 'no_name'],
  ['a URI of another scheme', [{ type: 'url', value: 'https://gate.example.com/' }], 'odd_name'],
] as const) {
  test(`a certificate with ${words} is refused: ${fault}`, async () => {
    assert.equal(peerOf(new X509Certificate(await makeNamed([...names], now))), fault);
  });
}
