import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { authority, createIssuingCa, createRoot } from '../../src/authority/pki/ca.ts';
import { generateP256 } from '../../src/platform/keys.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';
import { verifyFirstContact, type FirstContact } from '../../src/wire/chain.ts';
import { rootFingerprint as fingerprintOf } from '../../src/wire/roots.ts';
import { hourMs, makeLeaf, makeLeafSigned, makePki, trustDomain } from './pki-fixture.ts';

const now = Date.UTC(2030, 0, 1);
const dayMs = 24 * hourMs;
const pki = await makePki(now);
const foreign = await makePki(now);
const rootFingerprint = fingerprintOf(pki.root.certificate);
const gate = await makeLeaf(pki.issuing, 'gate', { now });

function chainOf(...pems: readonly string[]): readonly X509Certificate[] {
  return pems.map((pem) => new X509Certificate(pem));
}

function check(chain: readonly X509Certificate[], at = now): FirstContact {
  return verifyFirstContact(chain, { rootFingerprint, kind: 'gate', now: at });
}

function assertRefused(answer: FirstContact, fault: string): void {
  assert.deepEqual(answer, { ok: false, fault });
}

const { certificatePem: rootPem } = pki.root;
const { certificatePem: issuingPem } = pki.issuing;

test('leaf, issuing CA and the root of the invite are accepted, and the root is handed over', () => {
  const answer = check(chainOf(gate.certificatePem, issuingPem, rootPem));
  assert.ok(answer.ok);
  assert.equal(answer.peer.id, 'gate-1');
  assert.equal(fingerprintOf(answer.root), rootFingerprint);
});

test('L3 another root is refused, however well its chain holds together', async () => {
  const leaf = await makeLeaf(foreign.issuing, 'gate', { now });
  const { root, issuing } = foreign;
  assertRefused(
    check(chainOf(leaf.certificatePem, issuing.certificatePem, root.certificatePem)),
    'wrong_root',
  );
});

test('L3 a foreign chain with our root hung behind it is refused', async () => {
  const leaf = await makeLeaf(foreign.issuing, 'gate', { now });
  assertRefused(check(chainOf(leaf.certificatePem, foreign.issuing.certificatePem, rootPem)), 'not_issued');
  assertRefused(check(chainOf(leaf.certificatePem, issuingPem, rootPem)), 'not_issued');
});

test('L5 a certificate signed by a leaf is refused, in every arrangement', async () => {
  for (const kind of ['device', 'gate', 'human'] as const) {
    const signer = await makeLeaf(pki.issuing, kind, { now });
    const evil = await makeLeafSigned(signer, 'gate', now);
    assertRefused(
      check(chainOf(evil.certificatePem, signer.certificatePem, issuingPem, rootPem)),
      'not_issued',
    );
    assertRefused(check(chainOf(evil.certificatePem, signer.certificatePem, rootPem)), 'not_issued');
    assertRefused(check(chainOf(evil.certificatePem, issuingPem, rootPem)), 'not_issued');
  }
});

test('L5 a leaf signed by the root beside a foreign leaf is refused: a signer must be a CA', async () => {
  const middle = await makeLeaf(pki.root, 'gate', { now });
  const evil = await makeLeafSigned(middle, 'gate', now);
  assertRefused(check(chainOf(evil.certificatePem, middle.certificatePem, rootPem)), 'not_issued');
});

test('an issuing CA in the place of the leaf is refused', async () => {
  const random = seededRandom('second');
  const second = await createIssuingCa(authority(issuingPem, pki.issuing.privateKey), {
    trustDomain,
    privateKey: generateP256().privateKey,
    now,
    random,
  });
  assertRefused(check(chainOf(second.certificatePem, issuingPem, rootPem)), 'is_ca');
});

test('a root of the same name and another key is refused', async () => {
  const privateKey = generateP256().privateKey;
  const twin = await createRoot({ trustDomain, privateKey, now, random: seededRandom('twin') });
  assertRefused(check(chainOf(gate.certificatePem, issuingPem, twin.certificatePem)), 'wrong_root');
});

test('a chain that is not exactly leaf, issuing CA and roots is refused', () => {
  const whole = chainOf(gate.certificatePem, issuingPem, rootPem);
  assertRefused(check([]), 'chain_length');
  assertRefused(check(whole.slice(0, 2)), 'chain_length');
  assertRefused(check([...whole, ...whole.slice(2)]), 'not_issued');
  assertRefused(check([...whole, ...whole, ...whole, ...whole]), 'chain_length');
  assertRefused(check(whole.toReversed()), 'wrong_root');
});

test('a chain is refused outside the life of any of its three certificates', () => {
  const whole = chainOf(gate.certificatePem, issuingPem, rootPem);
  assertRefused(check(whole, now + hourMs + 1_000), 'expired');
  assertRefused(check(whole, now + 366 * dayMs), 'expired');
  assertRefused(check(whole, now + 21 * 365 * dayMs), 'expired');
  assertRefused(check(whole, now - dayMs), 'not_yet_valid');
});

test('a server of another kind is refused', async () => {
  for (const kind of ['authority', 'device', 'human', 'machine', 'ai_agent'] as const) {
    const leaf = await makeLeaf(pki.issuing, kind, { now });
    assertRefused(check(chainOf(leaf.certificatePem, issuingPem, rootPem)), 'wrong_kind');
  }
});
