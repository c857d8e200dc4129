// Approver sets at the broker: who makes one, whose yes the next one takes, what devices are told, and what a request
// on a device that looks at approvals itself then asks people for.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { ApproverSetView } from '../../src/api/approvers.ts';
import type { RequestView } from '../../src/api/requests.ts';
import { generateP256, spkiOf } from '../../src/platform/keys.ts';
import { readSignedApproverSet } from '../../src/wire/approver-set.ts';
import { keyId, signStatement, spkiThumbprint } from '../../src/wire/signed.ts';
import { join, makeApiWorld, signIn, type ApiWorld, type Peer } from './api-world.ts';
import { enrolledBrowser } from './browser.ts';

let world: ApiWorld;
let bo: Peer;
let cy: Peer;
beforeEach(async () => {
  world = await makeApiWorld();
  bo = await signIn(world, 'bo', ['approver']);
  cy = await signIn(world, 'cy', ['approver']);
});
afterEach(async () => {
  await world.close();
});

interface OwnKey {
  readonly thumbprint: string;
  readonly sign: (digest: string) => string;
  readonly approve: (request: RequestView) => string;
}

async function keyOf(person: Peer): Promise<OwnKey> {
  const { privateKey, publicKey } = generateP256();
  const spki = spkiOf(publicKey).toString('base64url');
  const signer = { kid: keyId(publicKey), privateKey };
  const sign = (digest: string): string => signStatement('approvers', { digest, spki }, signer);
  const added = await world.call(person, 'POST /v1/approver-keys', {
    body: { statement: sign(person.id) },
  });
  assert.equal(added.status, 200, added.text);
  return {
    thumbprint: spkiThumbprint(publicKey),
    sign,
    approve: ({ id: request, digest }) => signStatement('approval', { request, digest, spki }, signer),
  };
}

async function makeSet(persons: readonly string[], threshold = 1): Promise<ApproverSetView> {
  const body = { persons, threshold, forMs: 3_600_000 };
  const made = await world.call<ApproverSetView>(world.admin, 'POST /v1/approver-sets', { body });
  assert.equal(made.status, 200, made.text);
  return made.body;
}

test('the first set is for hands; the next takes the yes of as many of its persons as it says', async () => {
  const [key, other] = [await keyOf(bo), await keyOf(cy)];
  const first = await makeSet(['bo', 'cy'], 2);
  assert.deepEqual([first.version, first.follows, first.needed, first.ready], [1, undefined, 0, false]);
  const second = await makeSet(['cy']);
  assert.deepEqual([second.version, second.follows, second.needed, second.ready], [2, 1, 2, false]);
  const sign = async (as: Peer, statement: string) =>
    await world.call<ApproverSetView>(as, 'POST /v1/approver-sets/2/sign', { body: { statement } });
  assert.equal(
    (await sign(bo, other.sign(second.digest))).body['code' as never],
    'forbidden',
    "another's key",
  );
  assert.equal((await sign(bo, key.sign(first.digest))).body['code' as never], 'forbidden', 'another set');
  assert.equal((await sign(bo, key.sign(second.digest))).body.ready, false);
  assert.equal((await sign(bo, key.sign(second.digest))).status, 403, 'once is enough');
  const done = await sign(cy, other.sign(second.digest));
  assert.deepEqual([done.body.ready, done.body.signatures.length], [true, 2]);
  assert.equal((await makeSet(['bo'])).follows, 2);
});

test('a passkey signs a set in the console, over exactly its text', async () => {
  const browser = await enrolledBrowser(world, 'di', ['approver']);
  const first = await makeSet(['di']);
  assert.match(first.content, /"rpId":"/);
  const second = await makeSet(['di']);
  const path = 'POST /v1/approver-sets/2/sign';
  const wrong = browser.authenticator.get(first.digest);
  assert.equal((await browser.call(path, { body: { assertion: wrong } })).status, 401);
  const right = browser.authenticator.get(second.digest);
  const signed = await browser.call<ApproverSetView>(path, { body: { assertion: right } });
  assert.equal(signed.body.ready, true, signed.text);
});

test('who may do what: sets, keys, and who sees them', async () => {
  const ana = await signIn(world, 'ana');
  const body = { persons: ['bo'], threshold: 1, forMs: 3_600_000 };
  assert.equal((await world.call(bo, 'POST /v1/approver-sets', { body })).status, 403);
  const nothing = await world.call(world.admin, 'POST /v1/approver-sets', { body });
  assert.deepEqual([nothing.status, nothing.body['code']], [400, 'invalid'], 'he has nothing to sign with');
  const key = await keyOf(bo);
  const tooMany = { ...body, threshold: 2 };
  assert.equal((await world.call(world.admin, 'POST /v1/approver-sets', { body: tooMany })).status, 400);
  await makeSet(['bo']);
  const seen = async (as: Peer) =>
    (await world.call<{ items: unknown[] }>(as, 'GET /v1/approver-sets')).body.items.length;
  assert.deepEqual([await seen(bo), await seen(ana)], [1, 0]);
  assert.equal((await world.call(ana, 'GET /v1/approver-sets/1')).status, 404);
  const foreign = { statement: key.sign(ana.id) };
  assert.equal((await world.call(bo, 'POST /v1/approver-keys', { body: foreign })).status, 400);
  const gone = await world.call(bo, `DELETE /v1/approver-keys/${key.thumbprint}`);
  assert.deepEqual(gone.body['keys'], []);
});

test('R-023 the key of a sign-in is no key to approve with', async () => {
  const { publicKey } = bo.certificate;
  const spki = spkiOf(publicKey).toString('base64url');
  const signer = { kid: keyId(publicKey), privateKey: bo.key };
  const statement = signStatement('approvers', { digest: bo.id, spki }, signer);
  const added = await world.call(bo, 'POST /v1/approver-keys', { body: { statement } });
  assert.deepEqual([added.status, added.body['code']], [409, 'conflict']);
});

test('a device says how it looks at approvals, and is given what follows, in order', async () => {
  const key = await keyOf(bo);
  await makeSet(['bo']);
  const device = await join(world, 'pump-7');
  const tell = async (body: object) => await world.call(device, 'POST /v1/device/approvers', { body });
  assert.deepEqual((await tell({ check: 'verify', version: 1 })).body, { sets: [] });
  const second = await makeSet(['bo']);
  await makeSet(['bo']);
  await world.call(bo, 'POST /v1/approver-sets/2/sign', { body: { statement: key.sign(second.digest) } });
  const { sets } = (await tell({ check: 'verify', version: 1 })).body as { sets: unknown[] };
  assert.deepEqual(
    sets.map((set) => readSignedApproverSet(set)?.set.version),
    [2],
    'the third is not signed',
  );
  const shown = await world.call(world.admin, 'GET /v1/devices/pump-7');
  assert.deepEqual(shown.body['approvals'], { check: 'verify', version: 1 });
  await tell({ check: 'off' });
  assert.equal((await world.call(world.admin, 'GET /v1/devices/pump-7')).body['approvals'], undefined);
  const types = (await world.ctx.store.events({ types: ['device.approvals_changed'] }, { limit: 9 })).length;
  assert.equal(types, 2, 'only what changed is an event');
});

test('a request on such a device waits for persons that it knows, each way that it wants', async () => {
  const ana = await signIn(world, 'ana');
  const key = await keyOf(bo);
  await makeSet(['bo']);
  const device = await join(world, 'pump-7');
  await world.call(device, 'POST /v1/device/approvers', { body: { check: 'verify', version: 1 } });
  const policy = `
permit (principal, action, resource) when { principal in Role::"operator" };
permit (principal in Role::"approver", action == Action::"approve", resource);`;
  const applied = await world.call(world.admin, 'POST /v1/policies', {
    body: { files: { 'a.cedar': policy } },
  });
  assert.equal(applied.status, 200, applied.text);
  const filed = await world.call<RequestView & { approvers: string[] }>(ana, 'POST /v1/requests', {
    body: { target: 'pump-7', forMs: 60_000, reason: 'valve' },
  });
  assert.equal(filed.status, 200, filed.text);
  assert.deepEqual(filed.body.approvers, ['bo'], 'cy is not in the set');
  assert.deepEqual(filed.body.checkedByDevice, { check: 'verify', needed: 1, version: 1, persons: ['bo'] });
  const approve = async (as: Peer, statement: string) =>
    await world.call<RequestView>(as, `POST /v1/requests/${filed.body.id}/approve`, {
      body: { statement },
    });
  const byOther = await approve(cy, (await keyOf(cy)).approve(filed.body));
  assert.deepEqual([byOther.body.state, byOther.body.given], ['pending', 1], 'the device would not know him');
  const byBo = await approve(bo, key.approve(filed.body));
  assert.equal(byBo.body.state, 'approved', byBo.text);
});
