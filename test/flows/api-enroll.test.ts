// Joining and signing in through the api: one-time tokens, one key one holder, renewal and sign-out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import type { Invited, Renewed } from '../../src/api/enrollments.ts';
import { createFirstInvite, createSignInInvite } from '../../src/authority/enroll/first-invite.ts';
import { newToken } from '../../src/authority/enroll/token.ts';
import { limits } from '../../src/core/limits.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { peerOf } from '../../src/wire/tls-peer.ts';
import { addPerson, logged, makeWorld, settle } from './authority-world.ts';
import {
  join,
  makeApiWorld,
  newKey,
  redeem,
  redeemAs,
  renewal,
  signIn,
  type ApiWorld,
  statuses,
} from './api-world.ts';

let world: ApiWorld;
before(async () => {
  world = await makeApiWorld();
});
after(async () => await world.close());

async function invite(name: string): Promise<Invited> {
  const reply = await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body: { name } });
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

test('the first invite makes an administrator, and there is none once there is one', async () => {
  const me = await world.call(world.admin, 'GET /v1/whoami');
  assert.deepEqual(me.body['roles'], ['owner', 'administrator']);
  assert.equal(await createFirstInvite(world.ctx), undefined);
});

test('before there is an administrator, a newer first invite replaces the older one', async () => {
  const fresh = await makeWorld();
  const one = await createFirstInvite(fresh.ctx);
  const two = await createFirstInvite(fresh.ctx);
  assert.notEqual(one, two);
  assert.equal(await fresh.store.count('enrollment', {}), 1);
  await addPerson(fresh, 'root', ['administrator']);
  assert.equal(await createFirstInvite(fresh.ctx), undefined);
  await fresh.close();
});

test('a joined device gets a certificate of its own name and kind, a root, and its first renewal secret', async () => {
  const device = await join(world, 'pump-1');
  const peer = peerOf(device.certificate, { now: world.clock.now() });
  assert.ok(typeof peer !== 'string');
  assert.equal(peer.kind, 'device');
  assert.equal(peer.id, device.id);
  assert.equal(device.redeemed.root, world.ctx.pki.rootPem);
  assert.equal(device.redeemed.renewal?.n, 1);
  const stored = (await world.store.get('device', device.id))?.value;
  assert.notEqual(stored?.renewal.expected, device.redeemed.renewal?.secret);
});

test('R-021 a device without a named owner belongs to the inviter; an owner that is nobody is refused', async () => {
  const device = await join(world, 'pump-2');
  assert.equal((await world.store.get('device', device.id))?.value.owner, world.admin.id);
  const body = { name: 'pump-3', owner: 'nobody' };
  const refused = await world.call(world.admin, 'POST /v1/devices/invitations', { body });
  assert.equal(refused.status, 404);
});

test('I5 a token that is reused, expired, replaced, foreign or mangled gets the same refusal', async () => {
  const used = await invite('i5-used');
  await redeemAs(world, used.token);
  const replaced = await invite('i5-twice');
  await invite('i5-twice');
  const expired = await invite('i5-late');
  world.clock.advance(limits.enrollmentLifeMs);
  const foreign = newToken(world.ctx.random, {
    kind: 'device',
    rootFingerprint: world.ctx.pki.rootFingerprint,
  });
  const tokens = [used.token, replaced.token, expired.token, foreign, `${foreign}x`, 'sp2', ''];
  const bodies = new Set<string>();
  for (const [at, token] of tokens.entries()) {
    const reply = await redeem(world, token, { sourceIp: `198.51.100.${at}` });
    assert.equal(reply.status, 403, token);
    const { code, title, next } = reply.body;
    bodies.add(JSON.stringify({ code, title, next }));
  }
  assert.equal(bodies.size, 1);
  assert.match([...bodies].join(), /token_refused/);
});

test('I5 guessing 10,000 times is limited by address, found out nothing, and does not fill the log', async () => {
  const good = await invite('i5-guess');
  const before = (await world.store.head()).size;
  const csr = await createCsr(newKey());
  let limited = 0;
  for (let at = 0; at < 10_000; at += 1) {
    const token = newToken(world.ctx.random, {
      kind: 'device',
      rootFingerprint: world.ctx.pki.rootFingerprint,
    });
    const body = { token, csr };
    const reply = await world.call(undefined, 'POST /v1/enrollments/redeem', {
      body,
      sourceIp: '203.0.113.5',
    });
    if (reply.status === 429) limited += 1;
    else assert.equal(reply.body['code'], 'token_refused');
  }
  assert.equal(limited, 10_000 - limits.redeemAttemptsPerAddressPerMinute);
  assert.ok((await world.store.head()).size - before <= limits.refusalEventsPerAddressPerMinute);
  const elsewhere = await redeem(world, good.token, { sourceIp: '203.0.113.6' });
  assert.equal(elsewhere.status, 200, 'another address is not held up');
  world.clock.advance(61_000);
  await settle();
  const written = await world.store.events({ types: ['enrollment.refused'] }, { limit: 3, newest: true });
  const counted = written.reduce((sum, event) => sum + Number(event.body['count'] ?? 0), 0);
  assert.ok(counted > 9_900, 'what was not written one by one was counted');
});

test('fifty parallel redemptions of one token give exactly one device', async () => {
  const { token } = await invite('once');
  const replies = await Promise.all(
    Array.from({ length: 50 }, async (_, at) => await redeem(world, token, { sourceIp: `198.51.101.${at}` })),
  );
  assert.equal(replies.filter((reply) => reply.status === 200).length, 1);
  assert.equal(replies.filter((reply) => reply.body['code'] === 'token_refused').length, 49);
});

test('an invite that is replaced while its token is being redeemed is not honoured', async () => {
  const { token } = await invite('overtaken');
  const commit = world.store.commit.bind(world.store);
  world.store.commit = async (wanted) => {
    world.store.commit = commit;
    await invite('overtaken');
    return await commit(wanted);
  };
  assert.equal((await redeem(world, token)).body['code'], 'token_refused');
  assert.equal(await world.store.find('device', { name: 'overtaken' }), undefined);
});

test('a site of many devices behind one address is not limited while its tokens are right', async () => {
  for (let at = 0; at < limits.redeemAttemptsPerAddressPerMinute + 5; at += 1) {
    const { token } = await invite(`site-${at}`);
    assert.equal((await redeem(world, token, { sourceIp: '203.0.113.77' })).status, 200);
  }
});

test('R-023 a key that is enrolled already is refused, as a device and as a person, and the token still works', async () => {
  const device = await join(world, 'r023');
  const { token } = await invite('r023-b');
  const again = await redeem(world, token, { privateKey: device.key });
  assert.equal(again.body['code'], 'conflict');
  const person = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', {
    body: { name: 'r023-c' },
  });
  assert.equal((await redeem(world, person.body.token, { privateKey: device.key })).body['code'], 'conflict');
  assert.equal((await redeem(world, token)).status, 200);
});

test('R-023 a key enrolled by two tokens at the same moment is enrolled once', async () => {
  const [one, two] = [await invite('r023-x'), await invite('r023-y')];
  const privateKey = newKey();
  const replies = await Promise.all([
    redeem(world, one.token, { privateKey }),
    redeem(world, two.token, { privateKey }),
  ]);
  assert.deepEqual(statuses(replies), [200, 409]);
});

test('L6 a token for a name that was taken meanwhile is refused', async () => {
  const { token } = await invite('taken');
  await world.store.commit({
    changes: [
      {
        put: 'device',
        value: {
          ...((await world.store.find('device', { name: 'pump-1' }))?.value ?? assert.fail('pump-1')),
          id: 'dev_00000000000000000000000000' as never,
          name: 'taken',
          spki: 'other',
        },
      },
    ],
    events: [],
  });
  assert.equal((await redeem(world, token)).body['code'], 'token_refused');
});

test('a person gets one more key by a new invite; the first key goes on', async () => {
  const ana = await signIn(world, 'ana');
  const more = await redeemAs(world, await createSignInInvite(world.ctx, { name: 'ana' }));
  assert.equal(more.id, ana.id);
  assert.equal((await world.call(ana, 'GET /v1/whoami')).status, 200);
  assert.equal((await world.call(more, 'GET /v1/whoami')).status, 200);
});

test('an invite is worth nothing once its inviter is locked, has lost the role or was removed', async () => {
  const endings: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    locked: (name) =>
      world.call(world.admin, 'POST /v1/locks', {
        body: { kind: 'identity', subject: name, reason: 'stolen' },
      }),
    demoted: (name) =>
      world.call(world.admin, 'POST /v1/roles/revoke', { body: { identity: name, role: 'administrator' } }),
    removed: (name) => world.call(world.admin, `DELETE /v1/identities/${name}`),
  };
  for (const [name, end] of Object.entries(endings)) {
    const thief = await signIn(world, name, ['administrator']);
    const person = await world.call<Invited>(thief, 'POST /v1/identities/invitations', {
      body: { name: `${name}-2`, roles: ['administrator'] },
    });
    const device = await world.call<Invited>(thief, 'POST /v1/devices/invitations', {
      body: { name: `${name}-pump`, owner: world.admin.name },
    });
    await end(name);
    for (const { token } of [person.body, device.body]) {
      assert.equal((await redeem(world, token)).body['code'], 'token_refused', name);
    }
    const [event] = await world.store.events({ types: ['enrollment.refused'] }, { limit: 1, newest: true });
    assert.match(JSON.stringify(event?.body), /inviter/);
  }
});

test('an invite does not change the roles of somebody who is here already', async () => {
  await signIn(world, 'olga', []);
  const body = { name: 'olga', roles: ['administrator'] };
  const reply = await world.call(world.admin, 'POST /v1/identities/invitations', { body });
  assert.equal(reply.body['code'], 'conflict');
});

test('invites that are made at one moment do not get into the way of each other', async () => {
  await join(world, 'used-before');
  const invite = async (at: number): Promise<number> => {
    const body = { name: `crowd-${at}` };
    return (await world.call(world.admin, 'POST /v1/devices/invitations', { body })).status;
  };
  const made = await Promise.all(Array.from({ length: 20 }, async (_, at) => await invite(at)));
  assert.deepEqual(new Set(made), new Set([200]));
});

test('an invite lives an hour at most', async () => {
  const body = { name: 'longer', forMs: limits.enrollmentLifeMs + 1 };
  assert.equal(
    (await world.call(world.admin, 'POST /v1/devices/invitations', { body })).body['code'],
    'invalid',
  );
});

test('a renewal moves on by one, and the very same request gets the very same answer', async () => {
  const device = await join(world, 'renew-1');
  const first = device.redeemed.renewal ?? assert.fail('no secret');
  const request = await renewal(device, { ...first, nextSecret: 's2' });
  const path = 'POST /v1/device/credentials/renew';
  const answers = await Promise.all(
    [1, 2, 3].map(async () => await world.call<Renewed>(device, path, { body: { request } })),
  );
  assert.equal(new Set(answers.map((answer) => answer.text)).size, 1, 'one answer for one request');
  const renewed = answers[0]?.body ?? assert.fail('no answer');
  assert.equal(renewed.n, 2);
  const next = await renewal(device, { n: 2, secret: 's2', nextSecret: 's3' });
  device.certificate = new X509Certificate(renewed.certificate);
  assert.equal((await world.call<Renewed>(device, path, { body: { request: next } })).body.n, 3);
});

test('I14 a second copy of a device key is found by the next renewal, and both copies are locked out', async () => {
  const device = await join(world, 'cloned');
  const first = device.redeemed.renewal ?? assert.fail('no secret');
  const path = 'POST /v1/device/credentials/renew';
  const original = await renewal(device, { ...first, nextSecret: 'mine' });
  const copy = await renewal(device, { ...first, nextSecret: 'theirs' });
  assert.equal((await world.call(device, path, { body: { request: original } })).status, 200);
  const refused = await world.call(device, path, { body: { request: copy } });
  assert.equal(refused.body['code'], 'not_accepted');
  const retried = await world.call(device, path, { body: { request: original } });
  assert.equal(retried.body['code'], 'not_accepted', 'nobody can tell which copy is the original');
  const events = await logged(world);
  assert.ok(events.includes('device.quarantined(clone)') && events.includes('credential.refused'));

  const accepted = await world.call(world.admin, `POST /v1/devices/${device.name}/accept`);
  assert.equal(accepted.status, 200, accepted.text);
  const next = await renewal(device, { n: 2, secret: 'mine', nextSecret: 'mine too' });
  assert.equal((await world.call(device, path, { body: { request: next } })).status, 200);
  const again = await world.call(device, path, { body: { request: copy } });
  assert.equal(again.body['code'], 'not_accepted', 'the other copy is found out again');
});

test('I14 a request that the device key did not sign locks nobody', async () => {
  const device = await join(world, 'framed');
  const first = device.redeemed.renewal ?? assert.fail('no secret');
  const path = 'POST /v1/device/credentials/renew';
  const forged = await renewal(device, { n: 1, secret: 'x', nextSecret: 'y' }, newKey());
  assert.equal((await world.call(device, path, { body: { request: forged } })).body['code'], 'invalid');
  const request = await renewal(device, { ...first, nextSecret: 's2' });
  assert.equal((await world.call(device, path, { body: { request } })).status, 200);
});

test('renewals do not pile up: expired credentials of the same key are forgotten', async () => {
  const device = await join(world, 'hourly');
  let state = device.redeemed.renewal ?? assert.fail('no secret');
  for (let hour = 1; hour <= 5; hour += 1) {
    world.clock.advance(limits.deviceCertificateLifeMs / 2);
    const request = await renewal(device, { ...state, nextSecret: `s${hour}` });
    const reply = await world.call<Renewed>(device, 'POST /v1/device/credentials/renew', {
      body: { request },
    });
    assert.equal(reply.status, 200, reply.text);
    device.certificate = new X509Certificate(reply.body.certificate);
    state = { n: reply.body.n, secret: `s${hour}` };
  }
  assert.ok((await world.store.count('credential', { holder: device.id })) <= 3);
});

test('a sign-in is renewed for its own key only, and a revoked one not at all', async () => {
  const eve = await signIn(world, 'eve');
  const other = await world.call(eve, 'POST /v1/sign-in/renew', { body: { csr: await createCsr(newKey()) } });
  assert.equal(other.body['code'], 'invalid');
  const own = await world.call<{ certificate: string }>(eve, 'POST /v1/sign-in/renew', {
    body: { csr: await createCsr(eve.key) },
  });
  assert.equal(own.status, 200);
  const older = { ...eve };
  eve.certificate = new X509Certificate(own.body.certificate);
  assert.equal((await world.call(eve, 'POST /v1/sign-in/end')).status, 200);
  for (const peer of [eve, older]) {
    assert.equal((await world.call(peer, 'GET /v1/whoami')).body['code'], 'unauthenticated');
  }
});
