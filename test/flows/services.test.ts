// Services: classified, owned, reviewed, decided as such, and gone with their sessions (R-062, L8).

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { addService } from '../../src/authority/admin/add-service.ts';
import { listServices } from '../../src/authority/admin/list-services.ts';
import { removeDevice } from '../../src/authority/admin/remove-device.ts';
import { removeService } from '../../src/authority/admin/remove-service.ts';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import { placeLock } from '../../src/authority/sessions/place-lock.ts';
import type { ServiceId, SessionId } from '../../src/core/ids.ts';
import { refusal } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  operatorsPolicy,
  usePolicy,
  type Person,
  type World,
} from './authority-world.ts';

const policy = `${operatorsPolicy}
@id("databases") permit (principal in Role::"operator", action == Action::"forward", resource)
when { resource is Service && resource.class == "admin" };
@id("one-page") permit (principal in Role::"operator", action == Action::"forward", resource is Device)
when { context has host && context.host == "127.0.0.1" && context has port && context.port == 8080 };
@id("firmware") permit (principal in Role::"operator", action == Action::"upload", resource)
when { context has path && context.path like "/opt/fw*" };
`;

let world: World;
let admin: Operator;
let ana: Person;

const db = {
  device: 'pump-7',
  name: 'db',
  host: '127.0.0.1',
  port: 5432,
  class: 'admin',
  owner: 'ana',
} as const;
const day = 24 * 3_600_000;
const reviewBy = (): string => new Date(world.clock.now() + day).toISOString();

beforeEach(async () => {
  world = await makeWorld(policy);
  ana = await addPerson(world, 'ana');
  const person = await addPerson(world, 'root', ['administrator']);
  admin = { ...person.caller, identity: person.identity };
  await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

async function forward(target: string, params: object = { kind: 'tcp' }): ReturnType<typeof openSession> {
  return await openSession(world.ctx, ana.caller, { target, params: { ...params } });
}

test('where a service lies is the word of the broker, whatever the caller sends', async () => {
  await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
  const opened = await forward('pump-7/db', { kind: 'tcp', host: '169.254.169.254', port: 80 });
  assert.deepEqual(opened.destination, { host: '127.0.0.1', port: 5432 });
  assert.deepEqual(opened.session.policies, ['databases']);
});

test('L8 a channel to another destination than its session was opened for is refused and logged', async () => {
  await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
  const opened = await forward('pump-7/db');
  const ask = { session: opened.session.id, target: 'pump-7/db', linkNonce: opened.linkNonce };
  await channel(world, ana, { ...ask, params: { kind: 'tcp', host: '127.0.0.1', port: 5432 } });
  for (const params of [
    { kind: 'tcp', host: '127.0.0.1', port: 22 },
    { kind: 'tcp', host: '10.0.0.1', port: 5432 },
  ] as const) {
    assert.equal((await refusal(channel(world, ana, { ...ask, params, n: 2 }))).code, 'pass_params');
    assert.equal((await logged(world)).at(-1), 'channel.refused(pass_params)');
  }
});

test('R-062 a service whose review is overdue is refused, and let in again once reviewed', async () => {
  await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
  world.clock.advance(day);
  const error = await refusal(forward('pump-7/db'));
  assert.equal(error.code, 'denied');
  assert.match(error.message, /was to be reviewed by/);
  await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
  await forward('pump-7/db');
  assert.ok((await logged(world)).includes('service.reviewed'));
});

test('R-062 without a class, an owner or a day ahead there is no service', async () => {
  assert.equal(
    (await refusal(addService(world.ctx, admin, { ...db, owner: 'nobody', reviewBy: reviewBy() }))).code,
    'not_found',
  );
  const past = new Date(world.clock.now() - 1).toISOString();
  assert.equal((await refusal(addService(world.ctx, admin, { ...db, reviewBy: past }))).code, 'invalid');
});

test('R-006 a destination on a device is decided by host and port, and another one is refused', async () => {
  await forward('pump-7', { kind: 'tcp', host: '127.0.0.1', port: 8080 });
  for (const params of [
    { kind: 'tcp', host: '127.0.0.1', port: 8081 },
    { kind: 'tcp', host: '127.0.0.2', port: 8080 },
    { kind: 'tcp', host: 'localhost', port: 8080 },
  ]) {
    assert.equal((await refusal(forward('pump-7', params))).code, 'denied', JSON.stringify(params));
  }
});

test('every path of a files channel is decided: one that is not granted refuses all', async () => {
  const ask = (roots: readonly string[]): ReturnType<typeof forward> =>
    forward('pump-7', { kind: 'files', mode: 'write', roots });
  await ask(['/opt/fw', '/opt/fw/new']);
  for (const roots of [['/opt/fw', '/etc'], ['/etc/passwd']])
    assert.equal((await refusal(ask(roots))).code, 'denied');
  assert.equal((await refusal(ask(['/opt/fw/../../etc']))).code, 'invalid');
  assert.equal(
    (await refusal(forward('pump-7', { kind: 'files', mode: 'read', roots: ['/opt/fw'] }))).code,
    'denied',
  );
});

test('a service that is not discoverable is not there, and lists show what policy shows', async () => {
  await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
  const eve = await addPerson(world, 'eve', []);
  const error = await refusal(
    openSession(world.ctx, eve.caller, { target: 'pump-7/db', params: { kind: 'tcp' } }),
  );
  const missing = await refusal(
    openSession(world.ctx, eve.caller, { target: 'pump-7/nothing', params: { kind: 'tcp' } }),
  );
  assert.equal(error.message.replace('db', 'X'), missing.message.replace('nothing', 'X'));
  assert.equal(
    (await listServices(world.ctx, { ...eve.caller, identity: eve.identity }, {})).items.length,
    0,
  );
  assert.equal(
    (await listServices(world.ctx, { ...ana.caller, identity: ana.identity }, {})).items[0]?.target,
    'pump-7/db',
  );
});

for (const [what, change] of [
  [
    'moved',
    async () => void (await addService(world.ctx, admin, { ...db, port: 5433, reviewBy: reviewBy() })),
  ],
  ['removed', async () => void (await removeService(world.ctx, admin, 'pump-7/db'))],
  ['removed with its device', async () => void (await removeDevice(world.ctx, admin, 'pump-7'))],
  [
    'no longer granted',
    async () => {
      usePolicy(world, operatorsPolicy);
      await reviewSessions(world.ctx);
    },
  ],
  [
    'locked',
    async () => {
      const service = (await world.store.list('service', {})).items[0]?.value.id as ServiceId;
      await placeLock(world.ctx, {
        tenant: 'default',
        selector: { kind: 'service', id: service },
        reason: 'leak',
        by: { kind: 'system', id: 'test' },
        createdBy: 'system',
      });
    },
  ],
] as const) {
  test(`a service that is ${what} loses its live sessions`, async () => {
    await addService(world.ctx, admin, { ...db, reviewBy: reviewBy() });
    const { session } = await forward('pump-7/db');
    await change();
    assert.equal(world.ctx.sessions.get(session.id as SessionId), undefined);
    assert.equal(
      world.orders.some((order) => order.type === 'cut' && order.sessions.includes(session.id)),
      true,
    );
  });
}
