// Administration through the api: devices, identities, roles, locks, sessions, policies, the log.

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import type { EventView, LeafView } from '../../src/api/audit.ts';
import type { Invited } from '../../src/api/enrollments.ts';
import type { DeviceView, IdentityView, Killed, Locked, LockView } from '../../src/api/nouns.ts';
import type { Explained, RevisionView, WhoCan } from '../../src/api/policy.ts';
import type { SessionOpened, SessionView } from '../../src/api/sessions.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { addDevice, operatorsPolicy } from './authority-world.ts';
import {
  join,
  makeApiWorld,
  redeem,
  redeemAs,
  signIn,
  type ApiWorld,
  type Peer,
  statuses,
} from './api-world.ts';

interface Items<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

let world: ApiWorld;
let ana: Peer;
const worlds: ApiWorld[] = [];
beforeEach(async () => {
  world = await makeApiWorld(operatorsPolicy);
  worlds.push(world);
  ana = await signIn(world, 'ana');
});
after(async () => {
  for (const each of worlds) await each.close();
});

const never = 'ses_00000000000000000000000000';

async function openExec(peer: Peer, target: string): Promise<SessionView> {
  const body = { target, params: { kind: 'exec', argv: ['true'], env: {} } };
  const reply = await world.call<SessionOpened>(peer, 'POST /v1/sessions', { body });
  assert.equal(reply.status, 200, reply.text);
  return reply.body.session;
}

async function apply(text: string, extra: object = {}): Promise<RevisionView> {
  const body = { files: { 'a.cedar': text }, ...extra };
  const reply = await world.call<RevisionView>(world.admin, 'POST /v1/policies', { body });
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

/** What a caller can tell apart: everything but the request's own id and the id asked for. */
function told(
  reply: { readonly status: number; readonly body: Record<string, unknown> },
  id: string,
): string {
  const { instance: _, ...rest } = reply.body;
  return JSON.stringify({ status: reply.status, ...rest }).replaceAll(id, 'ID');
}

test('I10 a device that may not be discovered is answered exactly as one that does not exist', async () => {
  await apply(
    'permit (principal in Role::"operator", action == Action::"discover", resource) when { resource.hasTag("site") && resource.getTag("site") == "lyon" };',
  );
  const hidden = await join(world, 'vault', 'paris');
  await join(world, 'pump-7', 'lyon');
  const pairs = [
    ['vault', 'vaulx'],
    [hidden.id, `${hidden.id.slice(0, -1)}${hidden.id.endsWith('0') ? '4' : '0'}`],
  ] as const;
  for (const [real, missing] of pairs) {
    const one = await world.call(ana, `GET /v1/devices/${real}`);
    const two = await world.call(ana, `GET /v1/devices/${missing}`);
    assert.equal(told(one, real), told(two, missing));
    assert.equal(one.status, 404);
  }
  const list = await world.call<Items<DeviceView>>(ana, 'GET /v1/devices');
  assert.deepEqual(
    list.body.items.map((device) => device.name),
    ['pump-7'],
  );
  assert.ok(!list.text.includes(hidden.id), 'no cursor names it either');
  assert.equal((await world.call(ana, 'GET /v1/devices/pump-7')).status, 200);
  assert.equal((await world.call<Items<DeviceView>>(world.admin, 'GET /v1/devices')).body.items.length, 2);
});

test('devices are filtered by label and paged without a gap', async () => {
  for (const [at, site] of ['lyon', 'paris', 'lyon', 'lyon', 'paris'].entries())
    await addDevice(world, `d${at}`, site);
  const names: string[] = [];
  let after = '';
  for (let page = 0; page < 5; page += 1) {
    const list = await world.call<Items<DeviceView>>(
      ana,
      `GET /v1/devices?limit=2&where=site%3Dlyon${after}`,
    );
    names.push(...list.body.items.map((device) => device.name));
    if (list.body.next === undefined) break;
    after = `&after=${list.body.next}`;
  }
  assert.deepEqual(names.sort(), ['d0', 'd2', 'd3']);
  const bad = await world.call(ana, 'GET /v1/devices?where=site');
  assert.equal(bad.body['code'], 'invalid');
});

test('I11 showing and ending a session needs the right: to others it does not exist', async () => {
  await addDevice(world, 'pump-7');
  const bo = await signIn(world, 'bo');
  const session = await openExec(ana, 'pump-7');
  for (const request of ['GET /v1/sessions/ID', 'POST /v1/sessions/ID/end']) {
    const options = request.startsWith('POST') ? { body: {} } : {};
    const foreign = await world.call(bo, request.replace('ID', session.id), options);
    const missing = await world.call(bo, request.replace('ID', never), options);
    assert.equal(told(foreign, session.id), told(missing, never));
    assert.equal(foreign.status, 404);
  }
  assert.ok(world.ctx.sessions.get(session.id as never) !== undefined, 'it lives on');
  assert.equal((await world.call<Items<SessionView>>(bo, 'GET /v1/sessions')).body.items.length, 0);
  assert.equal(
    (await world.call<Items<SessionView>>(bo, 'GET /v1/sessions?identity=ana')).body.items.length,
    0,
  );
  assert.equal(
    (await world.call<Items<SessionView>>(ana, 'GET /v1/sessions?live=true')).body.items.length,
    1,
  );

  const ended = await world.call<SessionView>(world.admin, `POST /v1/sessions/${session.id}/end`, {
    body: { reason: 'enough' },
  });
  assert.equal(ended.body.live, false);
  assert.match(ended.body.endDetail ?? '', /ended by "admin": enough/);
  assert.equal(
    (await world.call<Items<SessionView>>(ana, 'GET /v1/sessions?live=true')).body.items.length,
    0,
  );
});

test('a person ends the own session, and whoami lists what is open', async () => {
  await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  const me = await world.call(ana, 'GET /v1/whoami');
  assert.deepEqual(me.body['sessions'], [{ id: session.id, name: 'pump-7' }]);
  const ended = await world.call<SessionView>(ana, `POST /v1/sessions/${session.id}/end`, { body: {} });
  assert.equal(ended.body.endReason, 'operator_gone');
});

test('signing out ends the sessions of that key, and no others', async () => {
  await addDevice(world, 'pump-7');
  const bo = await signIn(world, 'bo');
  const [mine, other] = [await openExec(ana, 'pump-7'), await openExec(bo, 'pump-7')];
  assert.equal((await world.call(ana, 'POST /v1/sign-in/end')).status, 200);
  assert.equal(world.ctx.sessions.get(mine.id as never), undefined);
  assert.ok(world.ctx.sessions.get(other.id as never) !== undefined);
});

test('a removed device is gone: its certificate, its sessions, its link, and its key for ever', async () => {
  const device = await join(world, 'pump-9');
  const linked = await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  assert.equal((await world.call(world.admin, 'DELETE /v1/devices/pump-7')).status, 200);
  assert.equal(world.ctx.sessions.get(session.id as never), undefined);
  assert.ok(world.orders.some((order) => order.type === 'closeLink' && order.link === linked.link.id));
  assert.equal((await world.call(world.admin, 'DELETE /v1/devices/pump-7')).status, 404);
  assert.equal((await world.call(world.admin, `DELETE /v1/devices/${device.id}`)).status, 200);
  const renew = await world.call(device, 'POST /v1/device/credentials/renew', { body: { request: 'x' } });
  assert.equal(renew.body['code'], 'unauthenticated');
  const body = { name: 'pump-9' };
  const invited = await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body });
  const back = await redeem(world, invited.body.token, { privateKey: device.key });
  assert.equal(back.body['code'], 'conflict');
});

test('an identity is removed with its credentials and sessions; owners and the last administrator stay', async () => {
  await addDevice(world, 'pump-7');
  await openExec(ana, 'pump-7');
  assert.equal((await world.call(world.admin, 'DELETE /v1/identities/ana')).status, 200);
  assert.equal(world.ctx.sessions.size, 0);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).body['code'], 'unauthenticated');
  await join(world, 'pump-8');
  await signIn(world, 'second', ['administrator']);
  const owner = await world.call(world.admin, 'DELETE /v1/identities/admin');
  assert.equal(owner.body['code'], 'conflict');
  assert.match(String(owner.body['title']), /pump-8/);
  await world.call(world.admin, 'DELETE /v1/identities/second');
  const last = await world.call(world.admin, 'DELETE /v1/identities/admin');
  assert.match(String(last.body['title']), /last administrator/);
});

test('two administrators who take the role from each other at once leave one', async () => {
  const second = await signIn(world, 'second', ['administrator']);
  const own = { identity: 'admin', role: 'owner' };
  assert.equal((await world.call(world.admin, 'POST /v1/roles/revoke', { body: own })).status, 200);
  const replies = await Promise.all([
    world.call(world.admin, 'POST /v1/roles/revoke', { body: { identity: 'second', role: 'administrator' } }),
    world.call(second, 'POST /v1/roles/revoke', { body: { identity: 'admin', role: 'administrator' } }),
  ]);
  assert.deepEqual(statuses(replies), [200, 409]);
});

test('a revoked role ends what it allowed; a granted one is seen at once', async () => {
  await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  const body = { identity: 'ana', role: 'operator' };
  const revoked = await world.call<IdentityView>(world.admin, 'POST /v1/roles/revoke', { body });
  assert.deepEqual(revoked.body.roles, []);
  assert.equal(world.ctx.sessions.get(session.id as never), undefined);
  await world.call(world.admin, 'POST /v1/roles/grant', { body });
  await openExec(ana, 'pump-7');
  const revokeOwn = async (role: string) =>
    await world.call(world.admin, 'POST /v1/roles/revoke', { body: { identity: 'admin', role } });
  assert.equal((await revokeOwn('administrator')).status, 200, 'an owner administers, too');
  const last = await revokeOwn('owner');
  assert.match(String(last.body['title']), /last administrator/);
});

test('a lock on one key of somebody: what it opened is cut and nothing opens by it; his other key goes on', async () => {
  await addDevice(world, 'pump-7');
  const again = { body: { name: 'ana' } };
  const invited = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', again);
  const laptop = await redeemAs(world, invited.body.token);
  const [stolen, other] = [await openExec(ana, 'pump-7'), await openExec(laptop, 'pump-7')];
  const shown = await world.call<IdentityView>(world.admin, 'GET /v1/identities/ana');
  const key = spkiThumbprint(ana.certificate.publicKey);
  assert.deepEqual(
    shown.body.keys.map((one) => one.key).sort((a, b) => (a < b ? -1 : 1)),
    [key, spkiThumbprint(laptop.certificate.publicKey)].sort((a, b) => (a < b ? -1 : 1)),
  );
  const lock = async (subject: string, peer = world.admin) =>
    await world.call<{ lock: LockView; cut: string[]; code: string }>(peer, 'POST /v1/locks', {
      body: { kind: 'credential', subject, reason: 'laptop stolen' },
    });
  assert.equal((await lock('k'.repeat(43))).body.code, 'not_found');
  const own = await lock(spkiThumbprint(world.admin.certificate.publicKey));
  assert.notEqual(own.status, 200, 'not oneself');
  const { body } = await lock(key);
  assert.deepEqual(body.cut, [stolen.id]);
  assert.match(body.lock.subject.name, /^key \S{16} of ana$/);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).body['code'], 'locked');
  const csr = await createCsr(ana.key);
  assert.equal((await world.call(ana, 'POST /v1/sign-in/renew', { body: { csr } })).body['code'], 'locked');
  assert.equal((await world.call(laptop, 'GET /v1/whoami')).status, 200);
  assert.notEqual(world.ctx.sessions.get(other.id as never), undefined);
  await openExec(laptop, 'pump-7');
  assert.equal((await world.call(world.admin, `DELETE /v1/locks/${body.lock.id}`)).status, 200);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).status, 200);
});

test('kill locks the identity and lists what it cut; lifting the lock lets it in again', async () => {
  await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  const killed = await world.call<Killed>(world.admin, 'POST /v1/identities/kill', {
    body: { identity: 'ana', reason: 'phished' },
  });
  assert.deepEqual(killed.body.cut, [session.id]);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).body['code'], 'locked');
  const locks = await world.call<Items<LockView>>(world.admin, 'GET /v1/locks');
  assert.deepEqual(
    locks.body.items.map(({ subject, createdBy }) => [subject.name, createdBy.name]),
    [['ana', 'admin']],
  );
  assert.equal((await world.call(world.admin, `DELETE /v1/locks/${killed.body.lock}`)).status, 200);
  assert.equal((await world.call(world.admin, `DELETE /v1/locks/${killed.body.lock}`)).status, 404);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).status, 200);
});

test('a lock is placed by name on each kind of subject, runs out, and never on oneself', async () => {
  await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  const place = async (body: object) => await world.call<Locked>(world.admin, 'POST /v1/locks', { body });
  assert.deepEqual((await place({ kind: 'session', subject: session.id, reason: 'r' })).body.cut, [
    session.id,
  ]);
  assert.equal((await place({ kind: 'device', subject: 'pump-7', reason: 'r', forMs: 1_000 })).status, 200);
  const count = async () =>
    (await world.call<Items<LockView>>(world.admin, 'GET /v1/locks')).body.items.length;
  assert.equal(await count(), 2);
  world.clock.advance(1_000);
  assert.equal(await count(), 1);
  for (const [kind, subject] of [
    ['device', 'nope'],
    ['identity', 'nope'],
    ['session', never],
    ['service', 'x'],
  ]) {
    assert.equal((await place({ kind, subject, reason: 'r' })).status, 404);
  }
  assert.equal((await place({ kind: 'identity', subject: 'admin', reason: 'r' })).status, 409);
});

test('a policy with problems changes nothing and is on the log; a good one is in force at once', async () => {
  await addDevice(world, 'pump-7');
  const session = await openExec(ana, 'pump-7');
  const before = world.ctx.policy.revisionOf('default')?.number;
  const bad = await world.call(world.admin, 'POST /v1/policies', {
    body: { files: { 'a.cedar': '@record("all") permit (principal, action, resource);' } },
  });
  assert.equal(bad.body['code'], 'policy_invalid');
  assert.match(JSON.stringify(bad.body['help']), /a\.cedar:1/);
  assert.equal(world.ctx.policy.revisionOf('default')?.number, before);
  assert.ok(world.ctx.sessions.get(session.id as never) !== undefined);
  await apply('@id("none") forbid (principal, action, resource);', { comment: 'closed' });
  assert.equal(world.ctx.sessions.get(session.id as never), undefined, 'live sessions are decided again');
  const types = (
    await world.call<Items<EventView>>(
      world.admin,
      'GET /v1/audit/events?type=policy.refused&type=policy.applied',
    )
  ).body;
  assert.deepEqual(
    types.items.map((event) => event.type),
    ['policy.refused', 'policy.applied'],
  );
});

test('a change made against another revision than the one in force is a conflict', async () => {
  const one = await apply('permit (principal in Role::"operator", action == Action::"discover", resource);');
  const same = await apply('permit (principal in Role::"operator", action == Action::"discover", resource);');
  assert.equal(same.id, one.id, 'the same text is the same revision');
  const body = { files: { 'a.cedar': operatorsPolicy }, expect: one.number - 1 };
  assert.equal((await world.call(world.admin, 'POST /v1/policies', { body })).body['code'], 'conflict');
  const two = await apply(operatorsPolicy, { expect: one.number });
  const list = await world.call<Items<RevisionView>>(world.admin, 'GET /v1/policies');
  assert.deepEqual(
    list.body.items.map((revision) => revision.number),
    [two.number, one.number],
  );
  for (const name of ['current', String(two.number), two.id]) {
    const shown = await world.call(world.admin, `GET /v1/policies/${name}`);
    assert.equal(shown.body['id'], two.id);
    assert.deepEqual(shown.body['files'], { 'a.cedar': operatorsPolicy });
  }
  assert.equal((await world.call(world.admin, 'GET /v1/policies/77')).status, 404);
});

test('two policies applied at once: one is in force, the other is a conflict', async () => {
  const replies = await Promise.all(
    ['ana', 'bo'].map(
      async (name) =>
        await world.call(world.admin, 'POST /v1/policies', {
          body: {
            files: {
              'a.cedar': `@id("${name}") ${operatorsPolicy.split('\n')[1]?.replace('@id("see")', '') ?? ''}`,
            },
          },
        }),
    ),
  );
  assert.deepEqual(statuses(replies), [200, 409]);
  const winner = replies.find((reply) => reply.status === 200);
  assert.equal(world.ctx.policy.revisionOf('default')?.id, winner?.body['id']);
});

test('when the commit of a policy fails, the old one stays in force', async () => {
  const before = world.ctx.policy.revisionOf('default');
  world.store.failNext();
  const body = { files: { 'a.cedar': 'forbid (principal, action, resource);' } };
  assert.ok((await world.call(world.admin, 'POST /v1/policies', { body })).status >= 500);
  assert.equal(world.ctx.policy.revisionOf('default'), before);
});

test('check and test tell problems and rows; others may not test the policy in force', async () => {
  const check = await world.call(ana, 'POST /v1/policies/check', { body: { files: { x: 'permit (' } } });
  assert.equal(check.body['ok'], false);
  const cases =
    '- principal: { name: ana, roles: [operator] }\n  action: discover\n  device: { name: d }\n  expect: allow\n';
  const inForce = await world.call(ana, 'POST /v1/policies/test', { body: { cases } });
  assert.equal(inForce.body['code'], 'forbidden');
  const own = await world.call(world.admin, 'POST /v1/policies/test', { body: { cases } });
  assert.equal(own.body['passed'], 1, own.text);
});

test('explain, who-can and could answer by policy, and a lock answers no', async () => {
  await addDevice(world, 'pump-7');
  const explain = async () =>
    (
      await world.call<Explained>(
        world.admin,
        'GET /v1/policies/explain?identity=ana&target=pump-7&action=exec&command=ls%20-l',
      )
    ).body;
  const whoCan = async () =>
    (await world.call<WhoCan>(world.admin, 'GET /v1/policies/who-can?target=pump-7&action=shell')).body.items;
  const could = async () =>
    (await world.call(world.admin, 'GET /v1/policies/could?identity=ana&target=pump-7')).body;
  assert.equal((await explain()).outcome, 'allow');
  assert.deepEqual((await explain()).policies, ['work']);
  assert.deepEqual(
    (await whoCan()).map((item) => [item.identity.name, item.actions]),
    [['ana', ['shell']]],
  );
  assert.deepEqual((await could())['actions'], ['discover', 'shell', 'exec']);
  await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'device', subject: 'pump-7', reason: 'r' },
  });
  assert.equal((await explain()).outcome, 'deny');
  assert.match((await explain()).lock ?? '', /^lck_.*"r"$/);
  assert.deepEqual(
    (await whoCan()).map((item) => [item.locked, item.actions]),
    [[true, []]],
  );
  assert.deepEqual(await could(), { actions: [], locked: true });
});

test('the log is read as events by page, by name and by time, and as leaves with its head', async () => {
  await signIn(world, 'bo');
  const head = (await world.call<{ size: number; chainHash: string }>(world.admin, 'GET /v1/audit/head'))
    .body;
  const first = await world.call<{ items: EventView[]; nextSeq?: number }>(
    world.admin,
    'GET /v1/audit/events?limit=2',
  );
  assert.deepEqual(
    first.body.items.map((event) => event.seq),
    [1, 2],
  );
  assert.equal(first.body.nextSeq, 2);
  const last = await world.call<{ items: EventView[] }>(world.admin, 'GET /v1/audit/events?last=2');
  assert.deepEqual(
    last.body.items.map((event) => event.seq),
    [head.size - 1, head.size],
  );
  const ofAna = await world.call<{ items: EventView[] }>(world.admin, 'GET /v1/audit/events?identity=ana');
  assert.ok(
    ofAna.body.items.length > 0 && ofAna.body.items.every((event) => JSON.stringify(event).includes(ana.id)),
  );
  const later = await world.call<{ items: EventView[] }>(world.admin, 'GET /v1/audit/events?from=2099-01-01');
  assert.deepEqual(later.body.items, []);
  assert.equal(
    (await world.call(world.admin, 'GET /v1/audit/events?from=yesterday')).body['code'],
    'invalid',
  );
  const one = last.body.items[0] ?? assert.fail('no event');
  assert.deepEqual((await world.call(world.admin, `GET /v1/audit/events/${one.id}`)).body, one);
  const leaves = await world.call<{ items: LeafView[] }>(
    world.admin,
    `GET /v1/audit/leaves?fromSeq=${head.size}`,
  );
  assert.equal(leaves.body.items[0]?.chainHash, head.chainHash);
});
