// A machine shows its X.509-SVID: exactly one SPIFFE ID, under the bundle that was pinned with it, by the SVID's own key,
// for one certificate.

import assert from 'node:assert/strict';
import { createPublicKey, randomUUID, X509Certificate, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { SignJWT } from 'jose';
import { createCsr } from '../../src/platform/csr.ts';
import { generateP256 } from '../../src/platform/keys.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../src/platform/x509.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { makeLeaf, makeLeafSigned, makePki, type LeafWithKey, type Pki } from '../contract/pki-fixture.ts';
import { makeApiWorld, newKey, signIn, type ApiWorld, type Reply } from './api-world.ts';

const hour = 3_600_000;
const spiffeId = 'spiffe://build.example.com/prod/machine/machine-1';

let world: ApiWorld;
let pki: Pki;
let svid: LeafWithKey;
let addresses = 0;
beforeEach(async () => {
  world = await makeApiWorld();
  await signIn(world, 'ana');
  pki = await makePki(world.clock.now());
  svid = await leaf();
  const added = await add({ spiffeId, bundle: pki.root.certificatePem });
  assert.equal(added.status, 200, added.text);
});
afterEach(async () => await world.close());

async function leaf(domain = 'build.example.com', lifeMs = hour): Promise<LeafWithKey> {
  return await makeLeaf(pki.issuing, 'machine', { now: world.clock.now(), domain, lifeMs });
}

async function add(trust: object, name = 'builder'): Promise<Reply> {
  const body = { name, kind: 'machine', owner: 'ana', purpose: 'builds', forMs: 90 * 24 * hour, svid: trust };
  return await world.call(world.admin, 'POST /v1/workloads', { body });
}

interface Shown {
  readonly chain?: string;
  readonly signer?: KeyObject;
  readonly key?: KeyObject;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

async function assertion(more: Shown & { readonly key: KeyObject }): Promise<string> {
  const { chain = svid.chainPem, signer = svid.privateKey, key, claims = {}, header = {} } = more;
  const x5c = (chain.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((pem) =>
    new X509Certificate(pem).raw.toString('base64'),
  );
  const at = Math.floor(world.clock.now() / 1_000);
  const cnf = { spki: spkiThumbprint(createPublicKey(key)) };
  const all = {
    iss: 'builder',
    sub: 'builder',
    aud: 'example.com',
    jti: randomUUID(),
    iat: at,
    exp: at + 60,
    cnf,
  };
  return await new SignJWT({ ...all, ...claims })
    .setProtectedHeader({ alg: 'ES256', x5c, ...header })
    .sign(signer);
}

async function show(more: Shown = {}, token?: string): Promise<Reply> {
  const key = more.key ?? newKey();
  addresses += 1;
  return await world.call(undefined, 'POST /v1/workloads/sign-in', {
    body: {
      identity: 'builder',
      assertion: token ?? (await assertion({ ...more, key })),
      csr: await createCsr(key),
    },
    sourceIp: `198.51.100.${addresses % 250}`,
  });
}

async function refused(reply: Promise<Reply>, why: RegExp): Promise<void> {
  const { status, text } = await reply;
  assert.equal(status, 401, text);
  const [event] = await world.store.events({ types: ['auth.failed'] }, { limit: 1, newest: true });
  assert.match(typeof event?.body['why'] === 'string' ? event.body['why'] : '', why);
}

test('exactly this SPIFFE ID, under this bundle, is the machine, for fifteen minutes', async () => {
  const { status, body, text } = await show();
  assert.equal(status, 200, text);
  const certificate = new X509Certificate(String(body['certificate']));
  assert.ok(certificate.validToDate.getTime() <= world.clock.now() + 15 * 60_000);
  const [event] = await world.store.events({ types: ['credential.issued'] }, { limit: 1, newest: true });
  assert.equal(event?.body['by'], 'svid');
});

test('I12 another SPIFFE ID, trust domain, time, key or chain is refused, and an assertion twice', async () => {
  await refused(show(withLeaf(await leaf('evil.example.com'))), /another SPIFFE ID/);
  const human = await makeLeaf(pki.issuing, 'human', { now: world.clock.now(), domain: 'build.example.com' });
  await refused(show(withLeaf(human)), /another SPIFFE ID/);
  const foreign = await makePki(world.clock.now());
  const twin = await makeLeaf(foreign.issuing, 'machine', {
    now: world.clock.now(),
    domain: 'build.example.com',
  });
  await refused(show(withLeaf(twin)), /no certificate of the bundle/);
  // The real authority's certificate, beside an SVID that it never signed.
  const chain = twin.certificatePem + pki.issuing.certificatePem;
  await refused(show({ chain, signer: twin.privateKey }), /no certificate of the bundle/);
  // In the authority's name, and by another key.
  await refused(show(await forged()), /no certificate of the bundle/);
  await refused(show({ signer: generateP256().privateKey }), /signature/);
  await refused(show({ chain: svid.certificatePem }), /no certificate of the bundle/);
  const byLeaf = await makeLeafSigned(svid, 'machine', world.clock.now());
  await refused(show(withLeaf(byLeaf)), /another SPIFFE ID|no certificate of the bundle/);
  const issuer = { chain: pki.issuing.certificatePem, signer: pki.issuing.privateKey };
  await refused(show(issuer), /that of an authority/);
  await refused(show({ chain: svid.chainPem.repeat(4) }), /too long/);
  await refused(show({ header: { x5c: undefined } }), /brings no SVID/);
  await refused(show({ header: { jku: 'https://evil.example/' } }), /its header has "jku"/);
  await refused(show({ claims: { aud: 'other.example' } }), /aud/);
  await refused(show({ claims: { cnf: { spki: 'x' } } }), /another key/);
  const key = newKey();
  const once = await assertion({ key });
  assert.equal((await show({ key }, once)).status, 200);
  await refused(show({ key }, once), /used before/);
  world.clock.advance(hour);
  await refused(show(), /not valid now/);
});

test('what is pinned is one SPIFFE ID of a workload, and certificates of authorities', async () => {
  const bundle = pki.root.certificatePem;
  for (const wrong of [
    'spiffe://build.example.com',
    'spiffe://build.example.com/*',
    'https://x/y',
    'spiffe://A/b',
  ]) {
    assert.match((await add({ spiffeId: wrong, bundle }, 'x')).text, /no SPIFFE ID of a workload/);
  }
  for (const wrong of ['', 'x', svid.certificatePem, bundle + svid.certificatePem]) {
    assert.match((await add({ spiffeId, bundle: wrong }, 'x')).text, /no bundle of a trust domain/);
  }
  const [event] = await world.store.events({ types: ['identity.created'] }, { limit: 1, newest: true });
  const fingerprint = new X509Certificate(bundle).fingerprint256;
  assert.deepEqual(event?.body['trust'], { kind: 'svid', spiffeId, bundle: [fingerprint] });
});

function withLeaf(other: LeafWithKey): Shown {
  return { chain: other.chainPem, signer: other.privateKey };
}

/** With every name and key identifier of the real authority, and the signature of another key. */
async function forged(): Promise<Shown> {
  const own = generateP256();
  const thief = generateP256();
  const { certificate } = pki.issuing;
  const made = await x509.X509CertificateGenerator.create({
    subject: 'CN=forged',
    issuer: new x509.X509Certificate(certificate.raw).subject,
    notBefore: new Date(world.clock.now() - hour),
    notAfter: new Date(world.clock.now() + hour),
    publicKey: toCryptoKey(own.publicKey),
    signingKey: toCryptoKey(thief.privateKey),
    signingAlgorithm: signingAlgorithmOf(thief.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(toCryptoKey(certificate.publicKey)),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId }]),
    ],
  });
  return { chain: made.toString('pem') + certificate.toString(), signer: own.privateKey };
}
