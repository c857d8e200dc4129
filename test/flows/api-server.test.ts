// The api as such: its document, its one error form, its bounds, and what must never be in it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Route } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import type { Invited } from '../../src/api/enrollments.ts';
import { limits } from '../../src/core/limits.ts';
import { addDevice } from './authority-world.ts';
import { join, makeApiWorld, redeem, renewal, signIn, type ApiWorld, type Peer } from './api-world.ts';

let world: ApiWorld;
let operator: Peer;
before(async () => {
  world = await makeApiWorld();
  operator = await signIn(world, 'ana');
});
after(async () => await world.close());

test('the document is OpenAPI 3.1 and lists every route with its operation id', async () => {
  const reply = await world.call<{
    openapi: string;
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  }>(undefined, 'GET /v1/openapi.json');
  assert.match(reply.body.openapi, /^3\.1\./);
  const listed = Object.entries(reply.body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  );
  const expected = Object.entries(routes).map(
    ([name, { method, path }]: [string, Route]) =>
      `${name} ${method.toLowerCase()} ${path.replace(/:([a-z]+)/, '{$1}')}`,
  );
  assert.deepEqual(listed.sort(), expected.sort());
  const open = reply.body.paths['/v1/sessions']?.['post'];
  assert.ok(open?.responses['200'] !== undefined && open.responses['default'] !== undefined);
});

test('every refusal is a problem object with a stable code, also for what is no route', async () => {
  const reply = await world.call(undefined, 'GET /v1/nothing');
  assert.equal(reply.status, 404);
  assert.match(reply.type, /^application\/problem\+json/);
  assert.deepEqual(Object.keys(reply.body).sort(), ['code', 'instance', 'status', 'title', 'type']);
  assert.equal(reply.body['type'], 'urn:sallyport:error:not_found');
  assert.match(String(reply.body['instance']), /^urn:sallyport:request:req_/);
  assert.equal((await world.call(undefined, 'GET /v1/%zz')).body['code'], 'invalid');
  assert.equal((await world.call(undefined, 'DELETE /v1/health')).body['code'], 'not_found');
});

test('an unknown field is refused and named, and so is a wrong one', async () => {
  const stray = { name: 'pump-9', labels: { site: 'lyon' }, colour: 'red' };
  const unknown = await world.call(world.admin, 'POST /v1/devices/invitations', { body: stray });
  assert.equal(unknown.body['code'], 'invalid');
  assert.match(String(unknown.body['title']), /colour/);
  const wrong = await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'moon', subject: 'x', reason: 'y' },
  });
  assert.match(String(wrong.body['title']), /"kind" in the body is not valid/);
  const query = await world.call(world.admin, 'GET /v1/audit/events?limit=0');
  assert.match(String(query.body['title']), /"limit" in the query/);
});

test('a body that is too long, not JSON or of another type is refused', async () => {
  const path = 'POST /v1/policies/check';
  const huge = await world.call(operator, path, {
    raw: `{"files":{"a":"${'x'.repeat(limits.apiBodyMaxBytes)}"}}`,
  });
  assert.equal(huge.body['code'], 'too_large');
  assert.equal(huge.status, 413);
  const broken = await world.call(operator, path, { raw: '{"files": sp2.h.secret' });
  assert.equal(broken.body['code'], 'invalid');
  assert.ok(!broken.text.includes('sp2.'), 'what could not be read is not said back');
  const polluted = await world.call(operator, path, { raw: '{"__proto__":{"a":1},"files":{}}' });
  assert.equal(polluted.body['code'], 'invalid');
});

test('the body of a stranger is not even parsed', async () => {
  const reply = await world.call(undefined, 'POST /v1/locks', { raw: '{broken' });
  assert.equal(reply.body['code'], 'unauthenticated');
});

test('R7 names, reasons and labels that would act on a terminal or a query are refused, and shown inert', async () => {
  const hostile = [
    "pump'; DROP TABLE device;--",
    'pump\u001b[2J',
    '../../etc',
    'PUMP',
    'a\u202eb',
    '',
    'x'.repeat(64),
  ];
  for (const name of hostile) {
    const reply = await world.call(world.admin, 'POST /v1/devices/invitations', { body: { name } });
    assert.equal(reply.body['code'], 'invalid', name);
    assert.doesNotMatch(reply.text, /[\u001b\u202e]|\\u001b|\\u202e/);
  }
  for (const id of hostile.filter((name) => name !== '')) {
    const reply = await world.call(world.admin, `GET /v1/devices/${encodeURIComponent(id)}`);
    assert.equal(reply.body['code'], 'not_found', id);
    assert.doesNotMatch(reply.text, /[\u001b\u202e]|\\u001b|\\u202e/);
  }
  const body = { kind: 'identity', subject: 'ana', reason: 'a\u001b]0;x\u0007' };
  assert.equal((await world.call(world.admin, 'POST /v1/locks', { body })).body['code'], 'invalid');
  const labels = { name: 'pump-9', labels: { 'site\n': 'x' } };
  assert.equal(
    (await world.call(world.admin, 'POST /v1/devices/invitations', { body: labels })).body['code'],
    'invalid',
  );
});

test('undeclared fields of an answer are stripped', async () => {
  await addDevice(world, 'plain');
  const reply = await world.call(world.admin, 'GET /v1/devices/plain');
  assert.equal(reply.status, 200);
  for (const secret of ['spki', 'publicKey', 'renewal', 'tenant']) assert.ok(!(secret in reply.body), secret);
});

test('a store that cannot be written says so, a fault inside says nothing; both in the one form', async () => {
  world.store.setFull(true);
  const full = await world.call(world.admin, 'POST /v1/devices/invitations', { body: { name: 'pump-full' } });
  world.store.setFull(false);
  assert.equal(full.body['code'], 'store_unavailable');
  assert.match(String(full.body['next']), /nothing opens until/);
  const get = world.store.get.bind(world.store);
  world.store.get = () => Promise.reject(new Error('secret detail'));
  const inside = await world.call(world.admin, 'GET /v1/whoami');
  world.store.get = get;
  assert.equal(inside.body['code'], 'internal');
  assert.equal(inside.status, 500);
  assert.ok(!inside.text.includes('secret detail'));
  const request = String(inside.body['instance']).replace('urn:sallyport:request:', '');
  assert.ok(world.lines.some((line) => line.includes(request) && line.includes('secret detail')));
});

test('R8 no token, renewal secret or private key is in any log line, event, refusal or stored record', async () => {
  const body = { name: 'r8' };
  const { token } = (
    await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body, key: 'r8-invite' })
  ).body;
  await redeem(world, `${token.slice(0, -1)}!`);
  const device = await join(world, 'r8-device');
  const state = device.redeemed.renewal ?? assert.fail('no secret');
  const request = await renewal(device, { ...state, nextSecret: 'next-secret-of-r8' });
  await world.call(device, 'POST /v1/device/credentials/renew', { body: { request } });
  const bad = await renewal(device, { ...state, nextSecret: 'another-secret-of-r8' });
  const refused = await world.call(device, 'POST /v1/device/credentials/renew', { body: { request: bad } });
  const mangled = await world.call(undefined, 'POST /v1/enrollments/redeem', {
    raw: `{"token": "${token}", "csr": `,
  });
  const used = await redeem(world, token);
  const again = await redeem(world, token);

  const events = JSON.stringify(await world.store.events({}, { limit: 1_000 }));
  const records: unknown[] = [];
  for (const kind of ['enrollment', 'device', 'answer', 'credential', 'setting'] as const) {
    records.push(...(await world.store.list(kind, {}, { limit: 1_000 })).items);
  }
  const everything = [
    world.lines.join(''),
    events,
    refused.text,
    mangled.text,
    again.text,
    JSON.stringify(records),
  ];
  const shownOnce = (used.body['renewal'] as { secret: string }).secret;
  const secrets = [
    token.split('.')[2] ?? '',
    state.secret,
    shownOnce,
    'next-secret-of-r8',
    'another-secret-of-r8',
  ];
  for (const [at, text] of everything.entries()) {
    for (const secret of secrets) assert.ok(secret !== '' && !text.includes(secret), `secret in ${at}`);
    assert.ok(!text.includes('PRIVATE KEY'));
  }
});
