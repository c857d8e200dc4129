import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { formatSpiffe, peerKinds } from '../../core/spiffe.ts';
import { generateEd25519, generateP256 } from '../../platform/keys.ts';
import { seededRandom } from '../../platform/seeded-random.ts';
import { createIssuingCa, createRoot } from './ca.ts';
import { issueLeaf, type LeafRequest } from './leaf.ts';

const now = Date.UTC(2030, 0, 1, 0, 0, 0, 500);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const trustDomain = 'gate.example.com';
const random = seededRandom('leaf');
const root = await createRoot({ trustDomain, privateKey: generateP256().privateKey, now, random });
const ca = await createIssuingCa(root, { trustDomain, privateKey: generateP256().privateKey, now, random });
const { publicKey } = generateP256();

function asked(change: Partial<LeafRequest> = {}): LeafRequest {
  const name = { trustDomain, env: 'prod', kind: 'device', id: 'dev_1' } as const;
  return { publicKey, name, lifeMs: hourMs, now, random, ...change };
}

async function issued(change: Partial<LeafRequest> = {}): Promise<X509Certificate> {
  return new X509Certificate((await issueLeaf(ca, asked(change))).certificatePem);
}

test('a leaf is no CA, is signed by the issuing CA, and carries exactly its name', async () => {
  const leaf = await issued();
  assert.equal(leaf.ca, false);
  assert.ok(leaf.checkIssued(ca.certificate) && leaf.verify(ca.certificate.publicKey));
  assert.equal(leaf.subjectAltName, `URI:${formatSpiffe(asked().name)}`);
});

test('each kind of holder gets the usages of its role', async () => {
  const client = '1.3.6.1.5.5.7.3.2';
  const server = '1.3.6.1.5.5.7.3.1';
  const expected = { authority: [server], gate: [server, client] } as const;
  for (const kind of peerKinds) {
    const leaf = await issued({ name: { ...asked().name, kind } });
    const wanted = kind === 'authority' || kind === 'gate' ? expected[kind] : [client];
    assert.deepEqual(leaf.keyUsage, wanted, kind);
  }
});

test('a leaf starts a little in the past and ends after its life, in whole seconds', async () => {
  const { notBefore, notAfter, certificatePem } = await issueLeaf(ca, asked({ now: now + hourMs }));
  const leaf = new X509Certificate(certificatePem);
  assert.equal(leaf.validFromDate.getTime(), notBefore);
  assert.equal(leaf.validToDate.getTime(), notAfter);
  assert.equal(notBefore, Math.floor((now + hourMs - limits.certificateBackdateMs) / 1_000) * 1_000);
  assert.equal(notAfter, Math.floor((now + 2 * hourMs) / 1_000) * 1_000);
});

test('a leaf never outlives its CA, nor the CA its root', async () => {
  const end = ca.certificate.validToDate.getTime();
  const leaf = await issueLeaf(ca, asked({ now: end - 10 * 60_000 }));
  assert.equal(leaf.notAfter, end);
  const rootEnd = root.certificate.validToDate.getTime();
  const late = await createIssuingCa(root, {
    trustDomain,
    privateKey: generateP256().privateKey,
    now: rootEnd - dayMs,
    random,
  });
  assert.equal(late.certificate.validToDate.getTime(), rootEnd);
});

test('a CA that is not valid now signs nothing', async () => {
  const end = ca.certificate.validToDate.getTime();
  await assert.rejects(issueLeaf(ca, asked({ now: end })), RangeError);
  await assert.rejects(issueLeaf(ca, asked({ now: now - dayMs })), RangeError);
});

test('dates past 2049 are written and read back', () => {
  assert.equal(root.certificate.validToDate.getUTCFullYear(), 2049);
  return createRoot({
    trustDomain,
    privateKey: generateP256().privateKey,
    now: now + 2 * 365 * dayMs,
    random,
  }).then(({ certificate }) => assert.equal(certificate.validToDate.getUTCFullYear(), 2051));
});

test('servers carry host names and addresses, and only they do', async () => {
  const hosts = { dnsNames: ['gate.example.com'], ipAddresses: ['192.0.2.1', '2001:db8::1'] };
  const leaf = await issued({ name: { ...asked().name, kind: 'gate' }, ...hosts });
  assert.equal(leaf.checkHost('gate.example.com'), 'gate.example.com');
  assert.equal(leaf.checkIP('192.0.2.1'), '192.0.2.1');
  assert.ok(leaf.checkIP('2001:db8::1'));
  await assert.rejects(issued(hosts), /carries no host name/);
});

test('names that must not be signed are refused', async () => {
  const gate = { ...asked().name, kind: 'gate' } as const;
  for (const dns of [
    '',
    'a b',
    '*.example.com',
    'a, URI:spiffe://x',
    'UPPER',
    'a..b',
    '-a',
    'a'.repeat(254),
  ]) {
    await assert.rejects(issued({ name: gate, dnsNames: [dns] }), RangeError, dns);
  }
  for (const ip of ['', '1.2.3', 'gate', '010.0.0.1', '1.2.3.4/8']) {
    await assert.rejects(issued({ name: gate, ipAddresses: [ip] }), RangeError, ip);
  }
  await assert.rejects(issued({ name: { ...gate, id: 'a/b' } }), RangeError);
});

test('an Ed25519 key gets a leaf as well, and serials differ', async () => {
  const leaf = await issued({ publicKey: generateEd25519().publicKey });
  assert.equal(leaf.publicKey.asymmetricKeyType, 'ed25519');
  const serials = await Promise.all([issued(), issued()]);
  assert.notEqual(serials[0].serialNumber, serials[1].serialNumber);
  assert.equal(leaf.serialNumber.length, 32);
});

test('the chain that a holder shows is its leaf and the issuing CA', async () => {
  const leaf = await issueLeaf(ca, asked());
  assert.equal(leaf.chainPem, leaf.certificatePem + ca.certificatePem);
  assert.ok(ca.certificate.ca);
});
