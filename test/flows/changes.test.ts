// Four-eyes: from the second administrator on, policies, lifted locks, administrators and approvers wait for another
// one, and whom somebody invited does not count for him.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { ChangeView } from '../../src/api/changes.ts';
import type { Invited } from '../../src/api/enrollments.ts';
import { limits } from '../../src/core/limits.ts';
import { makeApiWorld, redeemAs, signIn, type ApiWorld, type Peer, type Reply } from './api-world.ts';

let base: ApiWorld;
let world: ApiWorld;
/** The first, whom he invited, and one whom that one invited. */
let first: Peer;
let second: Peer;
let third: Peer;
beforeEach(async () => {
  base = await makeApiWorld();
  second = await signIn(base, 'second', ['administrator']);
  const invited = await base.call<Invited>(second, 'POST /v1/identities/invitations', {
    body: { name: 'third', roles: ['administrator'] },
  });
  third = await redeemAs(base, invited.body.token);
  first = base.admin;
  world = base;
  Object.assign(base.ctx.broker, { fourEyes: true });
});
afterEach(async () => {
  await base.close();
});

const policy = 'permit (principal in Role::"operator", action, resource);';

async function apply(peer: Peer, text = policy, more: object = {}): Promise<Reply> {
  return await world.call(peer, 'POST /v1/policies', { body: { files: { 'a.cedar': text }, ...more } });
}

function changeIn(reply: Reply): string {
  assert.deepEqual([reply.status, reply.body['code']], [409, 'second_needed'], reply.text);
  return /chg_[0-9a-z]{26}/.exec(String(reply.body['title']))?.[0] ?? '';
}

async function decide(
  peer: Peer,
  id: string,
  how = 'approve',
  body?: object,
): Promise<Reply<ChangeView & { code: string }>> {
  return await world.call(peer, `POST /v1/changes/${id}/${how}`, body === undefined ? {} : { body });
}

test('a policy waits, is read, and takes effect by another administrator', async () => {
  const before = world.ctx.policy.revisionOf('default')?.number;
  const id = changeIn(await apply(second));
  assert.equal(world.ctx.policy.revisionOf('default')?.number, before);
  assert.equal(changeIn(await apply(second)), id, 'asked again it is the same');
  const shown = await world.call<ChangeView>(first, `GET /v1/changes/${id}`);
  assert.deepEqual(shown.body.policy?.files, { 'a.cedar': policy });
  assert.equal(shown.body.mayApprove, true);
  const applied = await decide(first, id);
  assert.equal(applied.body.state, 'applied', applied.text);
  assert.equal(world.ctx.policy.revisionOf('default')?.number, (before ?? 0) + 1);
  assert.equal(
    world.ctx.policy.revisionOf('default')?.appliedBy,
    second.id,
    'it is his, with two names on the log',
  );
  const types = ['change.asked', 'change.approved', 'policy.applied'];
  assert.equal((await world.store.events({ types }, { limit: 9 })).length, 3);
  assert.equal((await decide(first, id)).status, 409, 'once');
});

test('I6 not by oneself, not by whom one invited, not by a machine or who is no administrator', async () => {
  const id = changeIn(await apply(second));
  assert.equal((await decide(second, id)).body.code, 'forbidden');
  assert.equal((await decide(third, id)).body.code, 'forbidden', 'second invited him');
  const ana = await signIn({ ...world, admin: first }, 'ana');
  assert.equal((await decide(ana, id)).status, 403);
  assert.equal((await decide(first, id)).body.state, 'applied');
  const own = changeIn(await apply(third, `${policy} // 2`));
  assert.equal(
    (await decide(first, own)).body.state,
    'applied',
    'first did not ask, and invited neither for it',
  );
});

test('the same for a lock that is lifted, an administrator, an approver, and the removal of one', async () => {
  const locked = await world.call<{ lock: { id: string } }>(second, 'POST /v1/locks', {
    body: { kind: 'identity', subject: 'third', reason: 'looked at' },
  });
  assert.equal(locked.status, 200, 'a lock never waits');
  const lift = changeIn(await world.call(second, `DELETE /v1/locks/${locked.body.lock.id}`));
  const ana = await signIn({ ...world, admin: first }, 'ana');
  const grant = async (role: string) =>
    await world.call(second, 'POST /v1/roles/grant', { body: { identity: 'ana', role } });
  const approver = changeIn(await grant('approver'));
  const administrator = changeIn(await grant('administrator'));
  assert.equal((await grant('auditor')).status, 200, 'that decides nothing about others');
  const revoke = changeIn(
    await world.call(second, 'POST /v1/roles/revoke', { body: { identity: 'admin', role: 'administrator' } }),
  );
  const byRank = await world.call(second, 'DELETE /v1/identities/admin');
  assert.equal(byRank.body['code'], 'forbidden', 'he is an owner');
  Object.assign(base.ctx.broker, { fourEyes: false });
  const asOwner = { body: { identity: 'admin', role: 'owner' } };
  assert.equal((await world.call(first, 'POST /v1/roles/revoke', asOwner)).status, 200);
  Object.assign(base.ctx.broker, { fourEyes: true });
  const remove = changeIn(await world.call(second, 'DELETE /v1/identities/admin'));
  const invite = await world.call(second, 'POST /v1/identities/invitations', {
    body: { name: 'evil', roles: ['approver'] },
  });
  assert.deepEqual([invite.status, invite.body['code']], [409, 'second_needed']);
  const other = await world.call(second, 'POST /v1/identities/invitations', { body: { name: 'admin' } });
  assert.equal(other.body['code'], 'second_needed', 'another key for the one who is to agree');
  const own = await world.call(second, 'POST /v1/identities/invitations', { body: { name: 'second' } });
  assert.equal(own.status, 200, 'one more of his own');
  const keys = ['a', 'b'].map((name) => ({ name, key: name.repeat(43) }));
  const offline = await world.call(second, 'POST /v1/break-glass/keys', { body: { need: 2, keys } });
  const setKeys = changeIn(offline);
  for (const id of [lift, approver, administrator, setKeys]) {
    assert.equal((await decide(first, id)).body.state, 'applied');
  }
  assert.equal(world.ctx.locks.all().length, 0);
  const roles = (await world.store.find('identity', { name: 'ana' }))?.value.roles;
  assert.deepEqual(roles, ['operator', 'auditor', 'approver', 'administrator']);
  for (const id of [revoke, remove]) {
    assert.equal((await decide(first, id, 'deny', { reason: 'why me?' })).body.state, 'denied');
  }
  assert.notEqual(await world.store.find('identity', { name: 'admin' }), undefined);
  assert.equal(ana.name, 'ana');
});

test('a lock on the other administrator is no way past him', async () => {
  await world.call(second, 'POST /v1/locks', { body: { kind: 'identity', subject: 'admin', reason: 'x' } });
  const id = changeIn(await apply(second));
  assert.equal((await decide(first, id)).status, 403, 'he is locked');
  assert.equal((await decide(third, id)).body.code, 'forbidden');
});

test('what was overtaken, withdrawn, late, or asked by somebody who may not any more takes no effect', async () => {
  const overtaken = changeIn(await apply(second));
  const other = changeIn(await apply(third, `${policy} // other`));
  assert.equal((await decide(first, other)).body.state, 'applied');
  assert.equal((await decide(first, overtaken)).body.code, 'conflict', 'another revision is in force');
  assert.equal((await world.call<ChangeView>(first, `GET /v1/changes/${overtaken}`)).body.state, 'failed');

  const back = changeIn(await apply(second, `${policy} // back`));
  assert.equal((await decide(second, back, 'deny', {})).body.state, 'denied', 'his own, taken back');
  assert.equal((await decide(first, back)).status, 409);

  const late = changeIn(await apply(second, `${policy} // late`));
  world.clock.advance(limits.changeLifeMs / 4);
  const demoted = changeIn(await apply(third, `${policy} // demoted`));
  await world.call(first, 'POST /v1/locks', { body: { kind: 'identity', subject: 'third', reason: 'left' } });
  assert.equal((await decide(first, demoted)).body.code, 'forbidden');
  Object.assign(world.ctx.policy, {});
  const shown = await world.call<ChangeView>(first, `GET /v1/changes/${late}`);
  assert.equal(shown.body.state, 'pending');
});

test('who is alone, or has only whom he invited, is not held up; nor is what is wrong anyway', async () => {
  const wrong = await apply(second, 'permit (;');
  assert.equal(wrong.body['code'], 'policy_invalid', 'said at once');
  const stale = await apply(second, policy, { expect: 99 });
  assert.equal(stale.body['code'], 'conflict');
  const same = Object.values(world.ctx.policy.revisionOf('default')?.files ?? {})[0];
  assert.ok(same !== undefined);
  Object.assign(world.ctx.broker, { fourEyes: false });
  assert.equal((await apply(second)).status, 200, 'fourEyes: off');
  Object.assign(world.ctx.broker, { fourEyes: true });
  const alone = await makeApiWorld();
  Object.assign(alone.ctx.broker, { fourEyes: true });
  const only = await alone.call(alone.admin, 'POST /v1/policies', { body: { files: { 'a.cedar': policy } } });
  assert.equal(only.status, 200, only.text);
  await signIn(alone, 'invited', ['administrator']);
  const still = await alone.call(alone.admin, 'POST /v1/roles/grant', {
    body: { identity: 'invited', role: 'approver' },
  });
  assert.equal(still.status, 200, 'nobody could agree');
  await alone.close();
});
