// Idempotency-Key: a write that is sent again is not done again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createSignInInvite } from '../../src/authority/enroll/first-invite.ts';
import { limits } from '../../src/core/limits.ts';
import { makeApiWorld, redeemAs, signIn, type ApiWorld, type Peer, statuses } from './api-world.ts';
import { settle } from './authority-world.ts';

let world: ApiWorld;
let other: Peer;
before(async () => {
  world = await makeApiWorld();
  other = await signIn(world, 'second', ['administrator']);
  await signIn(world, 'ana');
});
after(async () => await world.close());

const lock = { kind: 'identity', subject: 'ana', reason: 'first' };

test('the same key and request give the same answer, done once', async () => {
  const one = await world.call(world.admin, 'POST /v1/locks', { body: lock, key: 'k1' });
  const two = await world.call(world.admin, 'POST /v1/locks', { body: lock, key: 'k1' });
  assert.equal(one.status, 200);
  assert.equal(two.text, one.text);
  assert.equal(world.ctx.locks.all().length, 1);
});

test('the same key for another request is a conflict, and nothing is done', async () => {
  const body = { ...lock, reason: 'another' };
  const reply = await world.call(world.admin, 'POST /v1/locks', { body, key: 'k1' });
  assert.equal(reply.body['code'], 'conflict');
  const path = await world.call(world.admin, 'POST /v1/identities/kill', {
    body: { identity: 'ana', reason: 'x' },
    key: 'k1',
  });
  assert.equal(path.body['code'], 'conflict');
  assert.equal(world.ctx.locks.all().length, 1);
});

test('a key belongs to its caller: somebody else with the same key is not answered from it', async () => {
  const reply = await world.call(other, 'POST /v1/locks', { body: lock, key: 'k1' });
  assert.equal(reply.status, 200);
  assert.equal(world.ctx.locks.all().length, 2);
});

test('ten at once with one key run once', async () => {
  const body = { ...lock, reason: 'ten' };
  const replies = await Promise.all(
    Array.from(
      { length: 10 },
      async () => await world.call(world.admin, 'POST /v1/locks', { body, key: 'k10' }),
    ),
  );
  assert.equal(new Set(replies.map((reply) => reply.text)).size, 1);
  assert.equal(world.ctx.locks.all().length, 3);
});

test('two at once with one key and different requests: one of them is a conflict', async () => {
  const replies = await Promise.all(
    ['a', 'b'].map(
      async (reason) =>
        await world.call(world.admin, 'POST /v1/locks', { body: { ...lock, reason }, key: 'k2' }),
    ),
  );
  assert.deepEqual(statuses(replies), [200, 409]);
});

test('a refusal is not remembered: what stood in the way may be gone', async () => {
  const body = { identity: 'newcomer', role: 'operator' };
  const early = await world.call(world.admin, 'POST /v1/roles/grant', { body, key: 'k3' });
  assert.equal(early.status, 404);
  await signIn(world, 'newcomer', []);
  const late = await world.call(world.admin, 'POST /v1/roles/grant', { body, key: 'k3' });
  assert.equal(late.status, 200);
});

test('an invite is never replayed: its token is not kept', async () => {
  const body = { name: 'pump-once' };
  const first = await world.call(world.admin, 'POST /v1/devices/invitations', { body, key: 'k4' });
  assert.equal(first.status, 200);
  const again = await world.call(world.admin, 'POST /v1/devices/invitations', { body, key: 'k4' });
  assert.equal(again.body['code'], 'conflict');
  assert.match(String(again.body['title']), /done already/);
});

test('an answer is forgotten after its time, and removed from the store', async () => {
  const body = { ...lock, reason: 'old' };
  const first = await world.call(world.admin, 'POST /v1/locks', { body, key: 'k5' });
  const before = await world.store.count('answer', {});
  assert.ok(before > 3);
  world.clock.setNow(world.clock.now() + limits.idempotencyKeepMs);
  const fresh = await signIn({ ...world, admin: await renewed(world) }, 'after-a-day', ['administrator']);
  world.clock.advance(60 * 60_000);
  await settle();
  assert.equal(await world.store.count('answer', {}), 0);
  const later = await world.call(fresh, 'POST /v1/locks', { body, key: 'k5' });
  assert.notEqual(later.body['lock'], first.body['lock']);
});

test('a key that is no key is refused', async () => {
  for (const key of ['', 'x'.repeat(limits.idempotencyKeyMaxLength + 1), 'with blank']) {
    const reply = await world.call(other, 'POST /v1/locks', { body: lock, key });
    assert.equal(reply.status === 200, false, key);
  }
});

test('what was done is reported as done even when its answer cannot be kept', async () => {
  const peer = await signIn({ ...world, admin: await renewed(world) }, 'third', ['administrator']);
  world.store.setFull(true);
  const body = { identity: 'ana', reason: 'disk is full' };
  const reply = await world.call(peer, 'POST /v1/identities/kill', { body, key: 'k6' });
  world.store.setFull(false);
  assert.equal(reply.status, 200, reply.text);
});

/** An administrator whose certificate is good at this moment of a clock that jumped. */
async function renewed(at: ApiWorld): Promise<Peer> {
  return await redeemAs(at, await createSignInInvite(at.ctx, { name: 'admin' }));
}
