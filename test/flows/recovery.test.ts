// A device that was away until its certificate had ended comes back by proof of its key: how long is too long,
// who else might knock at that door, and a broker that has forgotten what it once signed.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import type { Renewed } from '../../src/api/enrollments.ts';
import type { DeviceView } from '../../src/api/nouns.ts';
import { limits } from '../../src/core/limits.ts';
import { logged } from './authority-world.ts';
import {
  join,
  makeApiWorld,
  newKey,
  redeemAs,
  renewal,
  type ApiWorld,
  type Peer,
  type Reply,
} from './api-world.ts';

const day = 24 * 60 * 60_000;
const door = 'POST /v1/device/credentials/recover';

let world: ApiWorld;
let pump: Peer;
let first: { readonly n: number; readonly secret: string };

beforeEach(async () => {
  world = await makeApiWorld();
  pump = await join(world, 'pump-7');
  first = pump.redeemed.renewal ?? assert.fail('no secret');
});
afterEach(async () => await world.close());

async function recover(
  request: string,
  sourceIp = '198.51.100.7',
): Promise<Reply<Renewed & { code?: string }>> {
  return await world.call(undefined, door, { body: { request }, sourceIp });
}

async function holdOf(name = 'pump-7'): Promise<string | undefined> {
  const stored = await world.store.find('device', { name });
  return stored?.value.hold?.why;
}

/** After a jump of the clock the administrator's own certificate has ended. */
async function newAdmin(): Promise<Peer> {
  const { createLocalInvite } = await import('../../src/authority/enroll/first-invite.ts');
  return await redeemAs(world, await createLocalInvite(world.ctx, { name: 'admin' }));
}

test('S-13 after weeks it is free at once, after more than thirty days once a person accepted it', async () => {
  let state = first;
  for (const [away, hold] of [
    [29 * day, undefined],
    [90 * day, 'long_absent'],
  ] as const) {
    world.clock.advance(limits.deviceCertificateLifeMs + away);
    const request = await renewal(pump, { ...state, nextSecret: `after ${away}` });
    const reply = await recover(request);
    assert.equal(reply.status, 200, reply.text);
    assert.equal(await holdOf(), hold);
    const certificate = new X509Certificate(reply.body.certificate);
    assert.ok(certificate.validToDate.getTime() > world.clock.now());
    pump.certificate = certificate;
    state = { n: reply.body.n, secret: `after ${away}` };
    assert.equal((await recover(request)).text, reply.text, 'the same answer to the same request');
  }
  assert.ok((await logged(world)).includes('device.quarantined(long_absent)'));
  const next = await renewal(pump, { ...state, nextSecret: 'held' });
  const renewed = await world.call<Renewed>(pump, 'POST /v1/device/credentials/renew', {
    body: { request: next },
  });
  assert.equal(renewed.status, 200, 'it goes on renewing while it waits');
  assert.equal(await holdOf(), 'long_absent', 'and is still held');
  const admin = await newAdmin();
  const accepted = await world.call<DeviceView>(admin, 'POST /v1/devices/pump-7/accept');
  assert.equal(accepted.body.hold, undefined, accepted.text);
});

test('after more than a year its key is not trusted any more', async () => {
  world.clock.advance(limits.recoveryMaxMs + 2 * limits.deviceCertificateLifeMs);
  const reply = await recover(await renewal(pump, { ...first, nextSecret: 's2' }));
  assert.equal(reply.body.code, 'forbidden');
});

test('an unknown device and a wrong signature have one answer, are on the log, and are bounded', async () => {
  const foreign = await renewal(pump, { ...first, nextSecret: 's2' }, newKey());
  const nobody = await renewal(
    { ...pump, id: 'dev_00000000000000000000000000' },
    { ...first, nextSecret: 's2' },
  );
  const texts = new Set<string>();
  for (const request of [foreign, nobody, 'not.a.statement', `${foreign}x`]) {
    const reply = await recover(request);
    assert.equal(reply.body.code, 'unauthenticated', reply.text);
    texts.add(reply.text.replace(/"instance":"[^"]*"/, ''));
  }
  assert.equal(texts.size, 1);
  const events = await world.store.events({ types: ['auth.failed'] }, { limit: 10 });
  assert.equal(events.length, 4);
  for (let n = 4; n < limits.recoverAttemptsPerAddressPerMinute; n += 1) await recover(foreign);
  assert.equal((await recover(foreign)).body.code, 'rate_limited');
  assert.equal(
    (await recover(foreign, '198.51.100.8')).body.code,
    'unauthenticated',
    'others are not affected',
  );
  assert.equal(await holdOf(), undefined, 'nobody is framed by it');
});

test('a whole site comes back from behind one address', async () => {
  const site = await Promise.all(
    Array.from({ length: 80 }, async (_, at) => await join(world, `site-${at}`)),
  );
  world.clock.advance(3 * day);
  for (const device of site) {
    const state = device.redeemed.renewal ?? assert.fail('no secret');
    const reply = await recover(await renewal(device, { ...state, nextSecret: 's2' }));
    assert.equal(reply.status, 200, reply.text);
  }
});

test('a locked device and a removed one do not come back by this door', async () => {
  const lock = { kind: 'device', subject: 'pump-7', reason: 'stolen' };
  await world.call(world.admin, 'POST /v1/locks', { body: lock });
  const request = await renewal(pump, { ...first, nextSecret: 's2' });
  assert.equal((await recover(request)).body.code, 'locked');
  await world.call(world.admin, 'DELETE /v1/devices/pump-7');
  assert.equal((await recover(request)).body.code, 'unauthenticated');
});

test('I14 a second copy of the key is found at this door too', async () => {
  world.clock.advance(3 * day);
  const original = await renewal(pump, { ...first, nextSecret: 'mine' });
  assert.equal((await recover(original)).status, 200);
  const copy = await recover(await renewal(pump, { ...first, nextSecret: 'theirs' }), '203.0.113.5');
  assert.equal(copy.body.code, 'not_accepted');
  assert.equal(await holdOf(), 'clone');
  const [found] = await world.store.events({ types: ['device.quarantined'] }, { limit: 1, newest: true });
  assert.deepEqual(
    [found?.body['sourceIp'], found?.body['shownN'], found?.body['expectedN']],
    ['203.0.113.5', 1, 2],
  );
  assert.equal((await recover(original)).body.code, 'not_accepted', 'both are held');
});

for (const isRestored of [true, false]) {
  const how = isRestored ? 'restored: the device is taken back' : 'put back by hand: it is refused';
  test(`I14 a device proves that the store is older than the truth, which was ${how}`, async () => {
    const before = (await world.store.find('device', { name: 'pump-7' }))?.value ?? assert.fail();
    const path = 'POST /v1/device/credentials/renew';
    let state: { n: number; secret: string; proof?: string } = first;
    for (const nextSecret of ['s2', 's3']) {
      const request = await renewal(pump, { ...state, nextSecret });
      const { body } = await world.call<Renewed>(pump, path, { body: { request } });
      state = { n: body.n, secret: nextSecret, proof: body.proof };
    }
    // As it was before both renewals.
    await world.store.commit({ changes: [{ put: 'device', value: before }], events: [] });
    const broker = { ...world.ctx.broker, stateEpoch: isRestored ? 2 : 1 };
    Object.assign(world.ctx.broker, broker);

    const ahead = await renewal(pump, { ...state, nextSecret: 's4' });
    const reply = await world.call<Renewed & { code?: string }>(pump, path, { body: { request: ahead } });
    if (isRestored) assert.equal(reply.body.n, 4, reply.text);
    else assert.equal(reply.body.code, 'pass_epoch');
    assert.equal(await holdOf(), undefined);
    assert.ok((await logged(world)).includes('store.regressed'));
    // The same proof, shown by who has not the secret that it promises.
    await world.store.commit({ changes: [{ put: 'device', value: before }], events: [] });
    const thief = await renewal(pump, { n: state.n, secret: 'wrong', nextSecret: 'x', proof: state.proof });
    const stolen = await world.call(pump, path, { body: { request: thief } });
    assert.equal(stolen.body['code'], 'not_accepted', 'a proof without its secret proves nothing');
    assert.equal(await holdOf(), 'clone');
  });
}

test('what a device proves is bound to it, and signed by the authority', async () => {
  const path = 'POST /v1/device/credentials/renew';
  const other = await join(world, 'pump-8');
  const othersFirst = other.redeemed.renewal ?? assert.fail('no secret');
  const request = await renewal(other, { ...othersFirst, nextSecret: 's2' });
  const { body } = await world.call<Renewed>(other, path, { body: { request } });
  const secret = createHash('sha256').update('guess').digest('base64url');
  const borrowed = await renewal(pump, { n: 2, secret, nextSecret: 'x', proof: body.proof });
  assert.equal((await world.call(pump, path, { body: { request: borrowed } })).body['code'], 'not_accepted');
});
