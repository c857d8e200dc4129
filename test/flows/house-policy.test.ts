// Administering is a matter of policy too: what is let to others by it, what is taken from administrators, and that
// nobody makes himself more than he is by it (E: roles, design section 5).

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Whoami } from '../../src/api/enrollments.ts';
import { routes } from '../../src/api/routes.ts';
import { houseActions } from '../../src/core/decision.ts';
import { makeApiWorld, signIn, type ApiWorld, type Peer } from './api-world.ts';

const works = 'permit (principal in Role::"operator", action, resource);';
let world: ApiWorld;
let ana: Peer;
beforeEach(async () => {
  world = await makeApiWorld(works);
  ana = await signIn(world, 'ana', ['operator']);
});
afterEach(async () => {
  await world.close();
});

async function apply(policy: string, peer = world.admin) {
  return await world.call(peer, 'POST /v1/policies', {
    body: { files: { 'a.cedar': `${works}\n${policy}` } },
  });
}

async function post(peer: Peer, path: string, body: object) {
  const { status, body: answer } = await world.call(peer, `POST ${path}`, { body });
  return [status, answer['code']];
}

test('every route that is not for everybody names one of the rights, and each right is of some route', () => {
  const named = new Set<string>(
    Object.values(routes).flatMap((route) => ('right' in route ? [route.right] : [])),
  );
  assert.deepEqual(
    houseActions.filter((action) => !named.has(action)),
    [],
  );
  for (const [name, route] of Object.entries(routes)) {
    const isForIdentities = route.who !== 'public' && !(route.who as readonly string[]).includes('device');
    assert.equal('right' in route || 'role' in route, isForIdentities, name);
  }
});

test('an operator invites devices where policy lets him, and does nothing else with the broker', async () => {
  const invite = async (name: string) => await post(ana, '/v1/devices/invitations', { name, owner: 'admin' });
  assert.deepEqual(await invite('pump-1'), [403, 'forbidden']);
  assert.equal(
    (await apply('permit (principal in Role::"operator", action == Action::"administerDevices", resource);'))
      .status,
    200,
  );
  assert.equal((await invite('pump-1'))[0], 200);
  const { body } = await world.call<Whoami>(ana, 'GET /v1/whoami');
  assert.deepEqual(body.rights, ['administerDevices']);
  assert.deepEqual(await post(ana, '/v1/identities/invitations', { name: 'eve' }), [403, 'forbidden']);
  assert.equal((await world.call(ana, 'GET /v1/audit/events')).status, 403);
  assert.equal((await apply('', ana)).status, 403);
  const refused = await world.call<{ readonly title: string; readonly next: string }>(
    ana,
    'GET /v1/identities',
  );
  assert.match(refused.body.title, /policy does not let you do this: "inspect"/);
  assert.match(refused.body.next, /sallyport policy explain ana inspect/);
});

test('an invite of his is worth nothing once policy takes the right back', async () => {
  await apply('permit (principal in Role::"operator", action == Action::"administerIdentities", resource);');
  const invited = await world.call<{ readonly token: string }>(ana, 'POST /v1/identities/invitations', {
    body: { name: 'eve' },
  });
  assert.equal(invited.status, 200, invited.text);
  await apply('');
  await assert.rejects(async () => {
    const { redeemAs } = await import('./api-world.ts');
    await redeemAs(world, invited.body.token);
  });
});

test('whoever administers identities by policy alone makes nobody more than himself, and himself neither', async () => {
  await signIn(world, 'second', ['auditor']);
  await apply('permit (principal in Role::"operator", action == Action::"administerIdentities", resource);');
  for (const role of ['owner', 'administrator', 'approver', 'auditor']) {
    assert.deepEqual(await post(ana, '/v1/roles/grant', { identity: 'ana', role }), [403, 'forbidden'], role);
    assert.deepEqual(await post(ana, '/v1/identities/invitations', { name: 'eve', roles: [role] }), [
      403,
      'forbidden',
    ]);
  }
  assert.deepEqual(
    await post(ana, '/v1/identities/invitations', { name: 'admin' }),
    [403, 'forbidden'],
    'a key for him',
  );
  assert.deepEqual(await post(ana, '/v1/identities/invitations', { name: 'second' }), [403, 'forbidden']);
  assert.deepEqual(await post(ana, '/v1/roles/revoke', { identity: 'second', role: 'auditor' }), [
    403,
    'forbidden',
  ]);
  assert.equal((await world.call(ana, 'DELETE /v1/identities/second')).status, 403);
  const key = {
    name: 'bot',
    kind: 'machine',
    owner: 'admin',
    purpose: 'x',
    forMs: 3_600_000,
    roles: ['administrator'],
  };
  assert.equal((await post(ana, '/v1/workloads', { ...key, key: 'x' }))[0], 403);
  assert.deepEqual(await post(ana, '/v1/totp/remove', { name: 'second' }), [403, 'forbidden']);
  assert.equal((await post(ana, '/v1/identities/invitations', { name: 'eve', roles: ['operator'] }))[0], 200);
  assert.equal((await post(ana, '/v1/roles/grant', { identity: 'second', role: 'operator' }))[0], 200);
});

test('owners alone make owners, except where there is none', async () => {
  Object.assign(world.ctx.broker, { fourEyes: true });
  const bo = await signIn(world, 'bo', ['administrator']);
  assert.deepEqual(await post(bo, '/v1/roles/grant', { identity: 'bo', role: 'owner' }), [403, 'forbidden']);
  assert.deepEqual(await post(bo, '/v1/roles/revoke', { identity: 'admin', role: 'owner' }), [
    403,
    'forbidden',
  ]);
  assert.equal((await world.call(bo, 'DELETE /v1/identities/admin')).status, 403);
  assert.deepEqual(await post(bo, '/v1/identities/invitations', { name: 'admin' }), [409, 'second_needed']);
  assert.equal((await post(world.admin, '/v1/roles/revoke', { identity: 'admin', role: 'owner' }))[0], 200);
  assert.equal(
    (await post(bo, '/v1/roles/grant', { identity: 'bo', role: 'owner' }))[0],
    409,
    'by a second one',
  );
});

test('what is taken from administrators is refused to them, and an owner goes on', async () => {
  const bo = await signIn(world, 'bo', ['administrator']);
  await apply('forbid (principal, action == Action::"stopAccess", resource);');
  const lock = { kind: 'identity', subject: 'ana', reason: 'x' };
  assert.deepEqual(await post(bo, '/v1/locks', lock), [403, 'forbidden']);
  assert.equal((await post(world.admin, '/v1/locks', lock))[0], 200);
});

test('who may stop somebody stops no tenant by that', async () => {
  await apply('permit (principal in Role::"operator", action == Action::"stopAccess", resource);');
  const made = await post(world.admin, '/v1/tenants', { name: 'acme' });
  assert.equal(made[0], 200);
  const bo = await signIn(world, 'bo');
  assert.deepEqual(await post(bo, '/v1/locks', { kind: 'tenant', subject: 'acme', reason: 'x' }), [
    403,
    'forbidden',
  ]);
  assert.equal((await post(bo, '/v1/locks', { kind: 'identity', subject: 'ana', reason: 'x' }))[0], 200);
});

test('policies that would leave nobody who may change them are not put in force', async () => {
  const none = 'forbid (principal, action == Action::"administerPolicy", resource);';
  assert.equal((await apply(none)).status, 200, 'an owner is left');
  assert.equal((await apply('')).status, 200);
  await post(world.admin, '/v1/roles/revoke', { identity: 'admin', role: 'owner' });
  const refused = await apply(none);
  assert.deepEqual([refused.status, refused.body['code']], [422, 'policy_invalid']);
  assert.match(String(refused.body['title']), /nobody could change the policy any more/);
  const office = `forbid (principal, action == Action::"administerPolicy", resource)
    unless { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };`;
  const applyFrom = async (sourceIp: string) =>
    (await world.call(world.admin, 'POST /v1/policies', { body: { files: { 'a.cedar': office } }, sourceIp }))
      .status;
  assert.deepEqual([await applyFrom('192.0.2.1'), await applyFrom('10.1.2.3')], [422, 200]);
  assert.equal((await apply('')).status, 403, 'from elsewhere nobody changes it now');
  const clear = { body: { files: { 'a.cedar': works } }, sourceIp: '10.1.2.3' };
  assert.equal((await world.call(world.admin, 'POST /v1/policies', clear)).status, 200);
  const few =
    'forbid (principal, action == Action::"administerPolicy", resource) unless { principal.name == "admin" };';
  assert.equal((await apply(few)).status, 200);
});

test('who agrees as a second one has the right to, and what was asked is done by the right of who asked', async () => {
  Object.assign(world.ctx.broker, { fourEyes: true });
  const [bo, cy] = [
    await signIn(world, 'bo', ['administrator']),
    await signIn(world, 'cy', ['administrator']),
  ];
  const asked = await apply(
    '@id("x") forbid (principal, action == Action::"agreeToChanges", resource) when { principal.name == "bo" };',
    cy,
  );
  assert.equal(asked.body['code'], 'second_needed', asked.text);
  const id = /chg_\w+/.exec(String(asked.body['title']))?.[0];
  assert.equal((await world.call(world.admin, `POST /v1/changes/${id}/approve`)).status, 200);
  const later = await apply(
    '@id("y") forbid (principal, action == Action::"agreeToChanges", resource) when { principal.name == "bo" };',
    cy,
  );
  const other = /chg_\w+/.exec(String(later.body['title']))?.[0];
  const refused = await world.call(bo, `POST /v1/changes/${other}/deny`, { body: {} });
  assert.deepEqual([refused.status, refused.body['code']], [403, 'forbidden']);
  assert.equal((await world.call(cy, `POST /v1/changes/${other}/deny`, { body: {} })).status, 200, 'his own');
});

test('what was asked for is not done once who asked may not do it any more, or has come down', async () => {
  Object.assign(world.ctx.broker, { fourEyes: true });
  const bo = await signIn(world, 'bo', ['administrator', 'operator']);
  await signIn(world, 'cy', ['administrator']);
  const ask = async (): Promise<string> => {
    const { body } = await world.call(bo, 'DELETE /v1/identities/cy');
    assert.equal(body['code'], 'second_needed');
    return /chg_\w+/.exec(String(body['title']))?.[0] ?? '';
  };
  const approve = async (id: string) => await world.call(world.admin, `POST /v1/changes/${id}/approve`);
  const first = await ask();
  Object.assign(world.ctx.broker, { fourEyes: false });
  assert.equal(
    (await post(world.admin, '/v1/roles/revoke', { identity: 'bo', role: 'administrator' }))[0],
    200,
  );
  assert.match(String((await approve(first)).body['title']), /may not do it any more/);
  // By policy he may remove people, but nobody of rank.
  await apply('permit (principal in Role::"operator", action == Action::"administerIdentities", resource);');
  assert.match(String((await approve(first)).body['title']), /only administrators make, change or remove/);
  assert.notEqual(await world.store.find('identity', { name: 'cy' }), undefined);
});

test('where somebody asks from counts, and an invite is taken back by whoever may make one', async () => {
  const bo = await signIn(world, 'bo', ['administrator']);
  await apply(`forbid (principal, action == Action::"inspect", resource)
    unless { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };
    permit (principal in Role::"operator", action == Action::"administerDevices", resource);`);
  const list = async (sourceIp: string) => (await world.call(bo, 'GET /v1/identities', { sourceIp })).status;
  assert.deepEqual([await list('10.1.2.3'), await list('192.0.2.1')], [200, 403]);
  const ids = await Promise.all(
    ['/v1/devices/invitations', '/v1/identities/invitations'].map(async (path) => {
      const body = { name: 'eve', ...(path.includes('devices') ? { owner: 'admin' } : {}) };
      return (await world.call<{ readonly id: string }>(world.admin, `POST ${path}`, { body })).body.id;
    }),
  );
  const statuses = await Promise.all(
    ids.map(async (id) => (await world.call(ana, `DELETE /v1/enrollments/${id}`)).status),
  );
  assert.deepEqual(statuses, [200, 403]);
});

test('explain answers for what is done with the broker itself', async () => {
  await apply(
    '@id("desk") permit (principal in Role::"operator", action == Action::"stopAccess", resource);',
  );
  const explain = async (query: string) => await world.call(world.admin, `GET /v1/policies/explain?${query}`);
  const { body } = await explain('identity=ana&action=stopAccess');
  assert.deepEqual([body['outcome'], body['policies']], ['allow', ['desk']]);
  const no = (await explain('identity=ana&action=inspect')).body;
  assert.deepEqual([no['outcome'], no['code']], ['deny', 'not_permitted']);
  for (const query of ['identity=ana&action=shell', 'identity=ana&action=inspect&target=pump-7'])
    assert.equal((await explain(query)).body['code'], 'invalid', query);
  await post(world.admin, '/v1/locks', { kind: 'identity', subject: 'ana', reason: 'left' });
  assert.deepEqual((await explain('identity=ana&action=stopAccess')).body['code'], 'locked');
});
