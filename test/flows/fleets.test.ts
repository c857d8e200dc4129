// One token for many devices: each use is one device, names in order, pending unless a rule accepts it; and a
// device whose board is swapped.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import type { EnrollmentView, Invited, Redeemed } from '../../src/api/enrollments.ts';
import type { DeviceView } from '../../src/api/nouns.ts';
import { limits } from '../../src/core/limits.ts';
import { logged } from './authority-world.ts';
import {
  join,
  makeApiWorld,
  newKey,
  redeem,
  redeemAs,
  renewal,
  signIn,
  statuses,
  type ApiWorld,
  type Reply,
} from './api-world.ts';

let world: ApiWorld;

beforeEach(async () => {
  world = await makeApiWorld();
});
afterEach(async () => await world.close());

async function inviteMany(more: object = {}): Promise<Invited> {
  const body = { name: 'pump-{n}', count: 3, labels: { site: 'lyon' }, ...more };
  const reply = await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body });
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

async function use(
  token: string,
  sourceIp = '10.1.2.3',
): Promise<Reply<Partial<Redeemed> & { code?: string }>> {
  return await redeem(world, token, { sourceIp });
}

async function devices(query = ''): Promise<readonly DeviceView[]> {
  const reply = await world.call<{ items: DeviceView[] }>(world.admin, `GET /v1/devices${query}`);
  return reply.body.items;
}

test('one token, as many devices as it is for, named in order past names that are taken, each pending', async () => {
  await join(world, 'pump-2');
  const { token } = await inviteMany();
  const joined = [await use(token), await use(token), await use(token)];
  assert.deepEqual(
    joined.map(({ body }) => [body.name, body.hold]),
    [
      ['pump-1', 'pending'],
      ['pump-3', 'pending'],
      ['pump-4', 'pending'],
    ],
  );
  assert.equal((await use(token)).body.code, 'token_refused', 'I5 beyond its count');
  const pending = await devices('?hold=pending');
  assert.deepEqual(pending.map(({ name }) => name).sort(), ['pump-1', 'pump-3', 'pump-4']);
  assert.deepEqual(pending[0]?.labels, { site: 'lyon' });
  for (const { id } of pending) await world.call(world.admin, `POST /v1/devices/${id}/accept`);
  assert.deepEqual(await devices('?hold=pending'), []);
});

test('I5 fifty that join at one moment are never one more than it is for', async () => {
  const { token } = await inviteMany({ count: 20 });
  const replies = await Promise.all(
    Array.from({ length: 50 }, async (_, at) => await use(token, `10.0.0.${at}`)),
  );
  const expected = [...Array<number>(20).fill(200), ...Array<number>(30).fill(403)];
  assert.deepEqual(statuses(replies), expected);
  assert.equal(new Set((await devices('?limit=100')).map(({ name }) => name)).size, 20);
});

test('a rule accepts whoever comes from its networks, or all, and the log says which rule it was', async () => {
  const near = await inviteMany({ accept: ['10.0.0.0/8', '2001:db8::/32'] });
  assert.equal((await use(near.token, '10.9.9.9')).body.hold, undefined);
  assert.equal((await use(near.token, '192.0.2.1')).body.hold, 'pending');
  assert.equal((await use(near.token, '2001:db8::7')).body.hold, undefined);
  const all = await inviteMany({ name: 'any-{n:03}', accept: 'all' });
  assert.deepEqual(
    [(await use(all.token)).body.name, (await use(all.token)).body.hold],
    ['any-001', undefined],
  );
  const events = await world.store.events({ types: ['device.joined'] }, { limit: 10 });
  assert.deepEqual(
    events.map(({ body }) => body['accepted']),
    ['10.0.0.0/8', 'by nobody yet', '2001:db8::/32', 'all', 'all'],
  );
});

test('I5 a token for many ends: in time, by revocation, with its inviter; and is seen until then', async () => {
  const expired = await inviteMany({ forMs: 60_000 });
  world.clock.advance(61_000);
  assert.equal((await use(expired.token)).body.code, 'token_refused');

  const leaked = await inviteMany();
  await use(leaked.token);
  const listed = await world.call<{ items: EnrollmentView[] }>(world.admin, 'GET /v1/enrollments');
  assert.deepEqual(
    listed.body.items.map(({ id, name, left, count }) => ({ id, name, left, count })),
    [{ id: leaked.id, name: 'pump-{n}', left: 2, count: 3 }],
  );
  assert.equal((await world.call(world.admin, `DELETE /v1/enrollments/${leaked.id}`)).status, 200);
  assert.equal((await use(leaked.token)).body.code, 'token_refused');
  assert.ok((await logged(world)).includes('enrollment.revoked'));

  const bob = await signIn(world, 'bob', ['administrator']);
  const body = { name: 'bobs-{n}', count: 5 };
  const { token } = (await world.call<Invited>(bob, 'POST /v1/devices/invitations', { body })).body;
  await world.call(world.admin, 'POST /v1/roles/revoke', {
    body: { identity: 'bob', role: 'administrator' },
  });
  assert.equal((await use(token)).body.code, 'token_refused');
});

test('I5 ten thousand guesses at tokens are refused, limited, and do not fill the log', async () => {
  const { token } = await inviteMany();
  const before = await world.store.head();
  for (let n = 0; n < 10_000; n += 1) {
    const reply = await use(`${token.slice(0, 6)}${'A'.repeat(42)}${'AEIM'.charAt(n % 4)}${token.slice(49)}`);
    assert.ok(reply.body.code === 'token_refused' || reply.body.code === 'rate_limited', reply.text);
  }
  assert.equal((await use(token)).body.code, 'rate_limited');
  assert.equal((await use(token, '10.7.7.7')).status, 200, 'others join meanwhile');
  const { size } = await world.store.head();
  assert.ok(size - before.size < 200, `${size - before.size} events`);
});

test('what makes no sense is refused in words', async () => {
  for (const [body, words] of [
    [{ name: 'pump', count: 3 }, /one \{n\}/],
    [{ name: 'pump-{n}', count: 3, accept: ['10.0.0.0/99'] }, /192\.0\.2\.0\/24/],
    [{ name: 'pump-9', accept: 'all' }, /--count/],
    [{ name: 'pump-{n}', count: 3, forMs: limits.fleetLifeMs + 1 }, /shorter --for/],
    [{ name: 'pump-{n}' }, /a name has/],
  ] as const) {
    const reply = await world.call(world.admin, 'POST /v1/devices/invitations', { body });
    assert.equal(reply.body['code'], 'invalid', reply.text);
    assert.match(reply.text, words);
  }
});

test('another board goes on as the same device: id, name, services stay, and the old key is dead for good', async () => {
  const old = await join(world, 'press-1');
  const place = { kind: 'tcp', host: '127.0.0.1', port: 5432 };
  const service = { name: 'press-1/db', ...place, owner: 'admin', class: 'workload', review: '2099-01-01' };
  await world.call(world.admin, 'POST /v1/services', { body: service });
  const invited = await world.call<Invited>(world.admin, 'POST /v1/devices/press-1/replace', { body: {} });
  const state = old.redeemed.renewal ?? assert.fail('no secret');
  const path = 'POST /v1/device/credentials/renew';
  const still = await renewal(old, { ...state, nextSecret: 's2' });
  assert.equal(
    (await world.call(old, path, { body: { request: still } })).status,
    200,
    'it works until then',
  );

  const board = await redeemAs(world, invited.body.token);
  assert.deepEqual([board.id, board.name], [old.id, 'press-1']);
  const dead = await world.call(old, path, { body: { request: still } });
  assert.equal(dead.body['code'], 'unauthenticated', dead.text);
  const recovery = await world.call(undefined, 'POST /v1/device/credentials/recover', {
    body: { request: still },
  });
  assert.equal(recovery.body['code'], 'unauthenticated', recovery.text);
  const first = board.redeemed.renewal ?? assert.fail('no secret');
  const request = await renewal(board, { ...first, nextSecret: 'n2' });
  assert.equal((await world.call(board, path, { body: { request } })).status, 200);

  const other = await inviteMany({ accept: 'all' });
  const back = await redeem(world, other.token, { privateKey: old.key });
  assert.equal(back.body['code'], 'conflict', 'one key, one holder');
  assert.equal((await redeem(world, invited.body.token)).body['code'], 'token_refused');
  assert.ok((await logged(world)).includes('device.replaced'));
});

test('a board that was stolen: its key is dead at once, and nobody accepts it back', async () => {
  const old = await join(world, 'press-2');
  const body = { now: true };
  const invited = await world.call<Invited>(world.admin, 'POST /v1/devices/press-2/replace', { body });
  const state = old.redeemed.renewal ?? assert.fail('no secret');
  const request = await renewal(old, { ...state, nextSecret: 's2' });
  const renewed = await world.call(old, 'POST /v1/device/credentials/renew', { body: { request } });
  assert.equal(renewed.body['code'], 'not_accepted');
  const accepted = await world.call(world.admin, 'POST /v1/devices/press-2/accept');
  assert.equal(accepted.body['code'], 'conflict');
  const board = await redeemAs(world, invited.body.token, newKey());
  const [seen] = (await devices()).filter(({ name }) => name === 'press-2');
  assert.equal(seen?.hold, undefined);
  assert.ok(new X509Certificate(board.redeemed.certificate).subjectAltName?.includes(old.id));
});
