// Machines sign in by what they are: a provider's token with exactly the pinned claims, or an
// assertion of their own; what is refused for what (I12, I13).

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, randomUUID, X509Certificate, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import type { Invited } from '../../src/api/enrollments.ts';
import type { WorkloadSignedIn } from '../../src/api/workloads.ts';
import { forgetAssertions } from '../../src/authority/workload/forget-assertions.ts';
import { IssuerKeys } from '../../src/authority/workload/issuer-keys.ts';
import { limits } from '../../src/core/limits.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { generateEd25519 } from '../../src/platform/keys.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { peerOf } from '../../src/wire/tls-peer.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { startProvider, type Provider, type TokenChanges } from '../doubles/identity-provider.ts';
import { logged } from './authority-world.ts';
import { makeApiWorld, newKey, redeemAs, signIn, type ApiWorld, type Reply } from './api-world.ts';

const trustDomain = 'example.com';
const pinned = { repository: 'org/app', ref: 'refs/heads/main' };
const job = { sub: 'repo:org/app:ref:refs/heads/main', ...pinned };
const own = generateEd25519();
const unsigned = { payload: '', signature: '' };
/** One for each call: what an address is refused is on the log within bounds. */
let addresses = 0;

let provider: Provider;
before(async () => {
  provider = await startProvider(trustDomain);
});
after(() => provider.close());

let world: ApiWorld;
let keys: IssuerKeys;
let keysClock: ManualClock;
beforeEach(async () => {
  provider.asked.length = 0;
  keysClock = new ManualClock();
  keys = new IssuerKeys(keysClock, { ca: provider.ca });
  world = await makeApiWorld(undefined, { issuerKeys: keys });
  await signIn(world, 'ana');
  const oidc = { issuer: provider.issuer, claims: pinned };
  assert.equal((await add({ name: 'ci', oidc })).status, 200);
  const pem = own.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  assert.equal((await add({ name: 'backup', key: pem })).status, 200);
});
afterEach(async () => await world.close());

function askedForKeys(): number {
  return provider.asked.filter((path) => path === '/keys').length;
}

async function add(changes: Readonly<Record<string, unknown>>): Promise<Reply> {
  const body = { kind: 'machine', owner: 'ana', purpose: 'deploys', forMs: 86_400_000, ...changes };
  return await world.call(world.admin, 'POST /v1/workloads', { body });
}

async function show(
  identity: string,
  assertion: string,
  key = newKey(),
): Promise<Reply<WorkloadSignedIn & { code?: string }>> {
  const body = { identity, assertion, csr: await createCsr(key) };
  addresses += 1;
  const sourceIp = `198.51.100.${addresses % 250}`;
  return await world.call(undefined, 'POST /v1/workloads/sign-in', { body, sourceIp });
}

async function token(
  claims: Readonly<Record<string, unknown>> = job,
  changes: TokenChanges = {},
): Promise<string> {
  return await provider.token(claims, { now: Math.floor(world.clock.now() / 1_000), ...changes });
}

async function assertion(
  key: KeyObject,
  changes: Record<string, unknown> = {},
  signer = own.privateKey,
): Promise<string> {
  const at = Math.floor(world.clock.now() / 1_000);
  const cnf = { spki: spkiThumbprint(createPublicKey(key)) };
  const claims = {
    iss: 'backup',
    sub: 'backup',
    aud: trustDomain,
    jti: randomUUID(),
    iat: at,
    exp: at + 60,
    cnf,
  };
  return await new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'EdDSA' }).sign(signer);
}

async function refused(reply: Promise<Reply<{ code?: string }>>, why?: RegExp): Promise<void> {
  const { status, body } = await reply;
  assert.deepEqual([status, body.code], [401, 'unauthenticated']);
  const [event] = await world.store.events({ types: ['auth.failed'] }, { limit: 1, newest: true });
  const told = event?.body['why'];
  if (why !== undefined) assert.match(typeof told === 'string' ? told : '', why);
}

test('R-051 S-07 a job with exactly its claims is its machine, for fifteen minutes, and nothing renews that', async () => {
  const key = newKey();
  const { status, body, text } = await show('ci', await token(), key);
  assert.equal(status, 200, text);
  const certificate = new X509Certificate(body.certificate);
  const peer = peerOf(certificate);
  assert.ok(typeof peer !== 'string');
  assert.deepEqual([peer.kind, peer.notAfter - world.clock.now() <= 15 * 60_000], ['machine', true]);
  const caller = { ...world.admin, certificate };
  assert.equal((await world.call(caller, 'GET /v1/whoami')).body['name'], 'ci');
  const renewed = await world.call(caller, 'POST /v1/sign-in/renew', { body: { csr: await createCsr(key) } });
  assert.equal(renewed.body['code'], 'forbidden');
  world.clock.advance(15 * 60_000 + 1_000);
  assert.equal((await world.call(caller, 'GET /v1/whoami')).status, 401, 'the job is over');
  const [event] = await world.store.events({ types: ['credential.issued'] }, { limit: 1, newest: true });
  assert.deepEqual(event?.body['claims'], { sub: job.sub, ...pinned });
});

test('I12 another issuer, audience, repository, branch or time is refused, and a token twice', async () => {
  const other = await generateKeyPair('ES256');
  await refused(show('ci', await token(job, { issuer: 'https://evil.example' })), /iss/);
  await refused(show('ci', await token(job, { audience: 'other.example' })), /aud/);
  await refused(
    show('ci', await token({ ...job, repository: 'org/other' })),
    /"repository" is not the pinned one/,
  );
  await refused(show('ci', await token({ ...job, ref: 'refs/heads/evil' })), /"ref" is not/);
  await refused(show('ci', await token({ sub: job.sub, repository: 'org/app' })), /"ref" is not/);
  await refused(show('ci', await token({ ...job, repository: ['org/app'] })), /"repository" is not/);
  await refused(show('ci', await token(job, { lifeS: -60 })), /exp/);
  await refused(show('ci', await token({ ...job, nbf: Math.floor(world.clock.now() / 1_000) + 600 })), /nbf/);
  await refused(show('ci', await token(job, { key: other.privateKey })), /signature/);
  await refused(show('nobody', await token()), /no such machine/);
  await refused(show('ana', await token()), /no such machine/);
  await refused(show('backup', await token()), /./);
  const once = await token();
  assert.equal((await show('ci', once)).status, 200);
  await refused(show('ci', once), /used before/);
  await refused(show('ci', otherSignature(once)), /used before/);
});

/** The same token under the other signature that ECDSA has for it: (r, n - s). */
function otherSignature(text: string): string {
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
  const at = text.lastIndexOf('.');
  const signature = Buffer.from(text.slice(at + 1), 'base64url');
  const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`);
  signature.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex'), 32);
  return `${text.slice(0, at)}.${signature.toString('base64url')}`;
}

test('I13 alg none, HS256 with the public key, and keys that the token brings along are refused, and nobody is asked', async () => {
  let visits = 0;
  const evil = createServer((_request, response) => response.end(String((visits += 1)))).listen(
    0,
    '127.0.0.1',
  );
  const good = await token();
  const [, payload = ''] = good.split('.');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  await refused(show('ci', `${encode({ alg: 'none' })}.${payload}.`), /./);
  const { publicKey } = await generateKeyPair('RS256', { extractable: true });
  const head = `${encode({ alg: 'HS256', kid: 'k1' })}.${payload}`;
  const mac = createHmac('sha256', await exportSPKI(publicKey))
    .update(head)
    .digest('base64url');
  await refused(show('ci', `${head}.${mac}`), /alg/);
  const address = evil.address();
  const place = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/keys`;
  const thief = await generateKeyPair('ES256', { extractable: true });
  const before = provider.asked.length;
  for (const header of [
    { jku: place },
    { x5u: place },
    { jwk: await exportJWK(thief.publicKey) },
    { x5c: ['AA'] },
  ]) {
    await refused(show('ci', await token(job, { key: thief.privateKey, header })), /its header has/);
  }
  assert.deepEqual([visits, provider.asked.length], [0, before]);
  for (const kid of ['../../etc/passwd', "' or 1=1 --"]) {
    await refused(show('ci', await token(job, { header: { kid } })));
  }
  await refused(show('ci', 'x'.repeat(100)), /./);
  evil.close();
});

test('I13 a thousand unknown keys ask the provider once in a cooldown', async () => {
  assert.equal((await show('ci', await token())).status, 200);
  assert.equal(askedForKeys(), 1);
  const find = keys.finder(provider.issuer);
  const showUnknown = async (): Promise<void> => {
    const misses = await Promise.allSettled(
      Array.from(
        { length: 1_000 },
        async (_, n) => await find({ alg: 'ES256', kid: `k${n + 100}` }, unsigned),
      ),
    );
    assert.ok(misses.every(({ status }) => status === 'rejected'));
  };
  await showUnknown();
  assert.equal(askedForKeys(), 1);
  keysClock.advance(limits.providerKeysCooldownMs);
  await showUnknown();
  assert.equal(askedForKeys(), 2);
});

test('I13 keys behind a redirect are not fetched; a provider that is away refuses clearly', async () => {
  const { keys: usual } = provider;
  provider.keys = 'http://169.254.169.254/latest/meta-data';
  await refused(show('ci', await token()), /status 302/);
  provider.keys = usual;
  await refused(show('ci', await token()), /status 302/);
  assert.equal(askedForKeys(), 1, 'a provider that fails is asked once in a cooldown too');
  keysClock.advance(limits.providerKeysCooldownMs);
  assert.equal((await show('ci', await token())).status, 200);
});

test('keys that the provider turned over are found', async () => {
  assert.equal((await show('ci', await token())).status, 200);
  const { keys: usual } = provider;
  const next = await generateKeyPair('ES256', { extractable: true });
  provider.keys = { keys: [{ ...(await exportJWK(next.publicKey)), kid: 'k2', alg: 'ES256' }] };
  const before = askedForKeys();
  const clock = new ManualClock();
  const later = new IssuerKeys(clock, { ca: provider.ca });
  await later.finder(provider.issuer)({ alg: 'ES256', kid: 'k2' }, unsigned);
  provider.keys = usual;
  await assert.rejects(
    async () => await later.finder(provider.issuer)({ alg: 'ES256', kid: 'k1' }, unsigned),
  );
  clock.advance(limits.providerKeysCooldownMs);
  await later.finder(provider.issuer)({ alg: 'ES256', kid: 'k1' }, unsigned);
  assert.equal(askedForKeys() - before, 2);
});

test('RFC 7523 an own assertion is for one key, one broker and two minutes, and is good once', async () => {
  const key = newKey();
  const good = await assertion(key);
  const { status, text } = await show('backup', good, key);
  assert.equal(status, 200, text);
  await refused(show('backup', good, key), /used before/);
  await refused(show('backup', await assertion(newKey()), key), /bound to another key/);
  await refused(show('backup', await assertion(key, { cnf: undefined }), key), /bound to another key/);
  await refused(show('backup', await assertion(key, { aud: 'other.example' }), key), /aud/);
  await refused(show('backup', await assertion(key, { iss: 'ci' }), key), /iss/);
  await refused(show('backup', await assertion(key, { sub: 'ci' }), key), /sub/);
  await refused(show('backup', await assertion(key, { jti: undefined }), key), /jti/);
  await refused(show('backup', await assertion(key, {}, generateEd25519().privateKey), key), /signature/);
  const old = Math.floor(world.clock.now() / 1_000) - 600;
  await refused(show('backup', await assertion(key, { iat: old, exp: old + 7_200 }), key), /iat/);
});

test('R-071 a machine of a tenant signs in as "tenant/name"; of the same name there may be one in each', async () => {
  const made = await world.call<{ invite: Invited }>(world.admin, 'POST /v1/tenants', {
    body: { name: 'acme' },
  });
  const boss = await redeemAs(world, made.body.invite.token);
  const theirs = generateEd25519();
  const pem = theirs.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const machine = { kind: 'machine', owner: 'admin', purpose: 'deploys', forMs: 86_400_000, key: pem };
  const added = await world.call(boss, 'POST /v1/workloads', { body: { name: 'backup', ...machine } });
  assert.equal(added.status, 200, added.text);
  assert.equal(added.body['tenant'], 'acme');
  const key = newKey();
  const named = { iss: 'acme/backup', sub: 'acme/backup' };
  await refused(show('backup', await assertion(key, {}, theirs.privateKey), key), /signature/);
  await refused(show('acme/backup', await assertion(key, {}, theirs.privateKey), key), /iss/);
  await refused(show('acme/backup', await assertion(key, named), key), /signature/);
  const { status, body } = await show('acme/backup', await assertion(key, named, theirs.privateKey), key);
  assert.equal(status, 200);
  assert.equal((await world.store.get('identity', body.id))?.value.tenant, 'acme');
});

test('R-025 locked with its owner, expired, or under somebody else’s key it is refused', async () => {
  const lock = await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'identity', subject: 'ana', reason: 'left' },
  });
  await refused(show('ci', await token()), /locked/);
  await world.call(world.admin, `DELETE /v1/locks/${(lock.body['lock'] as { id: string }).id}`);
  await refused(show('ci', await token(), world.admin.key), /somebody else/);
  world.clock.advance(86_400_000);
  await refused(show('ci', await token()), /expired/);
});

test('R-025 who answers for a machine is not removed before it passes on or is locked', async () => {
  const gone = await world.call(world.admin, 'DELETE /v1/identities/ana');
  assert.equal(gone.body['code'], 'conflict');
  assert.match(String(gone.body['title']), /answers for .*"backup"/);
  const locked = await world.call(world.admin, 'DELETE /v1/identities/ana?lockOwned=true');
  assert.equal(locked.status, 200, locked.text);
  await refused(show('ci', await token()), /locked/);
});

test('R-021 no machine without an owner, a purpose and an end; none that anything could be', async () => {
  for (const missing of ['owner', 'purpose', 'forMs']) {
    assert.equal(
      (await add({ name: 'x', oidc: { issuer: provider.issuer, claims: pinned }, [missing]: undefined }))
        .status,
      400,
    );
  }
  const words = async (changes: Readonly<Record<string, unknown>>): Promise<string> => {
    const { status, body } = await add({ name: 'x', ...changes });
    assert.notEqual(status, 200);
    return `${String(body['code'])}: ${String(body['title'])}`;
  };
  const oidc = { issuer: provider.issuer, claims: pinned };
  assert.match(await words({}), /one thing proves/);
  assert.match(await words({ oidc, key: 'x' }), /one thing proves/);
  assert.match(await words({ key: 'x' }), /no public key/);
  assert.match(await words({ oidc: { ...oidc, claims: {} } }), /without a claim that is pinned/);
  assert.match(await words({ oidc: { ...oidc, claims: { sub: 'repo:org/*' } } }), /not pinned exactly/);
  assert.match(await words({ oidc: { ...oidc, issuer: 'http://127.0.0.1' } }), /not an issuer/);
  assert.match(await words({ oidc, owner: 'ci' }), /owners are people/);
  assert.match(await words({ oidc, name: 'ana' }), /conflict/);
  assert.match(await words({ oidc, forMs: 400 * 86_400_000 }), /a year at most/);
});

test('tokens that are over are forgotten', async () => {
  await show('ci', await token());
  assert.equal(await world.store.count('assertion', {}), 1);
  await forgetAssertions(world.ctx);
  assert.equal(await world.store.count('assertion', {}), 1);
  world.clock.advance(3_600_000);
  await forgetAssertions(world.ctx);
  assert.equal(await world.store.count('assertion', {}), 0);
  assert.ok((await logged(world)).includes('identity.created'));
});
