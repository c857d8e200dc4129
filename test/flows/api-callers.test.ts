// Who may call what: certificates, kinds, locks, roles, and what refusals leave on the log.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Route } from '../../src/api/route.ts';
import { routes, type RouteName } from '../../src/api/routes.ts';
import { issueLeaf } from '../../src/authority/pki/leaf.ts';
import { newId } from '../../src/core/ids.ts';
import type { PeerKind } from '../../src/core/identity.ts';
import { limits } from '../../src/core/limits.ts';
import { X509Certificate } from 'node:crypto';
import { logged, settle } from './authority-world.ts';
import { join, makeApiWorld, newKey, signIn, type ApiWorld, type Peer } from './api-world.ts';
import { createPublicKey } from 'node:crypto';

let world: ApiWorld;
let device: Peer;
let operator: Peer;
before(async () => {
  world = await makeApiWorld();
  device = await join(world, 'pump-7');
  operator = await signIn(world, 'ana');
});
after(async () => await world.close());

const all = Object.entries(routes) as [RouteName, Route][];

function request(route: Route): string {
  return `${route.method} ${route.path.replace(':id', 'ses_00000000000000000000000000')}`;
}

/** A certificate of our own CA that no credential stands behind. */
async function forged(kind: PeerKind, id: string): Promise<Peer> {
  const key = newKey();
  const leaf = await issueLeaf(world.ctx.pki.issuingCa, {
    publicKey: createPublicKey(key),
    name: { trustDomain: 'example.com', env: 'test', kind, id },
    lifeMs: 3_600_000,
    now: world.clock.now(),
    random: world.ctx.random,
  });
  return { ...operator, id, key, certificate: new X509Certificate(leaf.certificatePem) };
}

test('L4 an agent certificate is refused on every operator and administrator route, and that is on the log', async () => {
  let tried = 0;
  for (const [name, route] of all) {
    if (route.who === 'public' || route.who.includes('device')) continue;
    const reply = await world.call(device, request(route), { sourceIp: `198.51.100.${(tried += 1)}` });
    assert.equal(reply.body['code'], 'wrong_kind', name);
    assert.equal(reply.status, 403);
  }
  assert.ok(tried > 25);
  const events = await world.store.events({ types: ['auth.failed'], device: device.id }, { limit: 100 });
  assert.equal(events.length, tried);
  assert.equal(events[0]?.code, 'wrong_kind');
});

test('I11 an auditor sees what an administrator sees, and changes nothing', async () => {
  const auditor = await signIn(world, 'audrey', ['auditor']);
  let tried = 0;
  for (const [name, route] of all) {
    if (route.right === undefined) continue;
    const reply = await world.call(auditor, request(route), { sourceIp: `203.0.113.${(tried += 1)}` });
    const isRefused = reply.status === 403 && reply.body['code'] === 'forbidden';
    assert.equal(isRefused, route.right !== 'inspect', name);
    // A review says what came of looking into it, and changes nobody's right.
    const isWord = name === 'testPolicy' || name === 'reviewBreakGlass';
    if (route.method !== 'GET' && !isWord) assert.notEqual(route.right, 'inspect', name);
  }
  assert.ok(tried > 25);
  const { body } = await world.call<{ items: readonly { name: string }[] }>(auditor, 'GET /v1/devices');
  assert.deepEqual(
    body.items.map(({ name }) => name),
    ['pump-7'],
    'no policy lets him discover it',
  );
});

test('L4 an operator certificate is refused on the routes of devices', async () => {
  const body = { request: 'x' };
  const reply = await world.call(operator, 'POST /v1/device/credentials/renew', { body });
  assert.equal(reply.body['code'], 'wrong_kind');
});

test('without a certificate everything but the public routes is unauthenticated', async () => {
  let at = 0;
  for (const [name, route] of all) {
    if (route.who === 'public') continue;
    const reply = await world.call(undefined, request(route), { sourceIp: `198.51.101.${(at += 1)}` });
    assert.equal(reply.body['code'], 'unauthenticated', name);
  }
  assert.equal((await world.call(undefined, 'GET /v1/health')).status, 200);
  assert.equal(
    (await world.call(undefined, 'GET /v1/trust')).body['rootFingerprint'],
    world.ctx.pki.rootFingerprint,
  );
});

test('somebody whom policy gives nothing gets "forbidden" on every administrator route, whatever the id', async () => {
  let at = 0;
  for (const [name, route] of all) {
    if (route.right === undefined) continue;
    const reply = await world.call(operator, request(route), { sourceIp: `198.51.102.${(at += 1)}` });
    assert.equal(reply.body['code'], 'forbidden', name);
  }
  assert.ok(at > 15);
});

test('a certificate of our CA without a credential behind it opens nothing', async () => {
  for (const [kind, id] of [
    ['human', operator.id],
    ['human', newId('idn', world.ctx.random.bytes(16))],
    ['machine', operator.id],
  ] as const) {
    const reply = await world.call(await forged(kind, id), 'GET /v1/whoami', { sourceIp: '203.0.113.1' });
    assert.equal(reply.body['code'], 'unauthenticated');
  }
  const gate = await forged('gate', 'gate-1');
  assert.equal((await world.call(gate, 'GET /v1/whoami')).body['code'], 'wrong_kind');
});

test('an expired certificate opens nothing', async () => {
  const late = await signIn(world, 'late');
  world.clock.setNow(world.clock.now() + limits.humanCertificateLifeMs + 1_000);
  const reply = await world.call(late, 'GET /v1/whoami');
  world.clock.setNow(world.clock.now() - limits.humanCertificateLifeMs - 1_000);
  assert.equal(reply.body['code'], 'unauthenticated');
});

test('a locked person and a locked device are refused; receipts of a locked device are still taken', async () => {
  const bo = await signIn(world, 'bo');
  const pump = await join(world, 'pump-8');
  const lock = async (kind: string, subject: string): Promise<unknown> =>
    (await world.call(world.admin, 'POST /v1/locks', { body: { kind, subject, reason: 'stolen' } })).status;
  assert.equal(await lock('identity', 'bo'), 200);
  assert.equal(await lock('device', 'pump-8'), 200);
  const refused = await world.call(bo, 'GET /v1/whoami');
  assert.equal(refused.body['code'], 'locked');
  assert.match(String(refused.body['title']), /stolen/);
  const renewal = await world.call(pump, 'POST /v1/device/credentials/renew', { body: { request: 'x' } });
  assert.equal(renewal.body['code'], 'locked');
  const receipt = await world.call(pump, 'POST /v1/device/receipts', { body: { receipt: 'x' } });
  assert.equal(receipt.body['code'], 'invalid', 'it came as far as being read');
});

test('a stranger who floods leaves a few events and one count, not a full log', async () => {
  world.clock.advance(61_000);
  await settle();
  const before = (await world.store.head()).size;
  for (let at = 0; at < 1_000; at += 1) {
    await world.call(undefined, 'GET /v1/whoami', { sourceIp: `10.0.${at % 250}.${at % 4}` });
  }
  const written = (await world.store.head()).size - before;
  assert.ok(written <= limits.refusalEventsPerMinute, `${written} events`);
  world.clock.advance(61_000);
  await settle();
  const [last] = await world.store.events({}, { limit: 1, newest: true });
  assert.equal(last?.body['count'], 1_000 - written);
  assert.ok((await logged(world)).includes('auth.failed(unauthenticated)'));
});

test('a refusal that cannot be written is a refusal all the same', async () => {
  world.clock.advance(61_000);
  await settle();
  world.store.setFull(true);
  const reply = await world.call(device, 'GET /v1/whoami', { sourceIp: '203.0.113.99' });
  world.store.setFull(false);
  assert.equal(reply.body['code'], 'wrong_kind');
  assert.ok(world.lines.some((line) => line.includes('could not be written to the audit log')));
});
