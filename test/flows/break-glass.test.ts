// Break-glass (R-053, S-11): two of three offline keys open one session when nobody is there to approve; one key, a
// late request, a second use open nothing; and whoever used it is locked when nobody reviews it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { BreakGlassView } from '../../src/api/break-glass.ts';
import type { SessionOpened } from '../../src/api/sessions.ts';
import { lockUnreviewed } from '../../src/authority/break-glass/uses.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';
import { breakGlassId } from '../../src/wire/break-glass.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { addDevice, usePolicy, type LinkedDevice } from './authority-world.ts';
import { offlineKey, type Offline } from '../doubles/offline-key.ts';
import { makeApiWorld, signIn, type ApiWorld, type Peer, type Reply } from './api-world.ts';

const policy = `permit (principal in Role::"operator", action == Action::"discover", resource);
@approvers("2") @mfa("session") permit (principal in Role::"operator", action == Action::"exec", resource);
permit (principal in Role::"approver", action == Action::"approve", resource);
@id("never") forbid (principal, action == Action::"forward", resource);`;

let world: ApiWorld;
let device: LinkedDevice;
let ana: Peer;
let one: Offline;
let two: Offline;
beforeEach(async () => {
  world = await makeApiWorld(policy);
  device = await addDevice(world, 'pump-7');
  ana = await signIn(world, 'ana');
  [one, two] = [offlineKey(), offlineKey()];
  const keys = [one, two, offlineKey()].map(({ key }, n) => ({ name: `key-${n}`, key }));
  const set = await world.call(world.admin, 'POST /v1/break-glass/keys', { body: { need: 2, keys } });
  assert.equal(set.status, 200, set.text);
});
afterEach(async () => {
  await world.close();
});

let made = 0;
function sealed(changes: JsonObject = {}): string {
  const now = world.clock.now();
  return canonicalJson({
    trustDomain: 'example.com',
    identity: { id: ana.id, name: 'ana' },
    cnf: spkiThumbprint(ana.certificate.publicKey),
    target: 'pump-7',
    forMs: 20 * 60_000,
    reason: 'gas alarm',
    madeAt: now,
    notAfter: now + 3_600_000,
    nonce: `n${(made += 1)}`,
    ...changes,
  });
}

async function use(
  content: string,
  signatures: readonly string[],
  peer = ana,
): Promise<Reply<BreakGlassView & { readonly code: string; readonly title: string }>> {
  return await world.call(peer, 'POST /v1/break-glass', { body: { content, signatures } });
}

async function exec(params: object = { kind: 'exec', argv: ['true'], env: {} }) {
  const body = { target: 'pump-7', params };
  return await world.call<SessionOpened & { readonly code: string }>(ana, 'POST /v1/sessions', { body });
}

test('S-11 two of three open one session, for as long as they signed, in spite of approvals and passkeys', async () => {
  assert.equal((await exec()).body.code, 'approval_required');
  const content = sealed();
  const opened = await use(content, [one.sign(content), two.sign(content)]);
  assert.equal(opened.status, 200, opened.text);
  assert.deepEqual(opened.body.signers, ['key-0', 'key-1']);
  const session = await exec();
  assert.equal(session.status, 200, session.text);
  const kept = await world.store.get('session', session.body.session.id);
  assert.ok((kept?.value.mustEndAt ?? Infinity) <= world.clock.now() + 20 * 60_000);
  await reviewSessions(world.ctx);
  assert.equal((await world.store.get('session', session.body.session.id))?.value.state, 'issued');
  assert.equal((await exec()).body.code, 'approval_required', 'once');
  const [event] = await world.store.events({ types: ['breakglass.opened'] }, { limit: 1 });
  assert.equal(event?.body['content'], content, 'enough to verify it again');
  const { alarms } = (await world.call<{ alarms: string[] }>(world.admin, 'GET /v1/whoami')).body;
  assert.match(alarms.join(), /^break-glass was used by ana on pump-7 at /);
});

test('I18 one key of two, twice the same, a strange one, another text: refused, and on the log', async () => {
  const content = sealed();
  const other = sealed({ forMs: 60_000 });
  const strange = offlineKey();
  for (const signatures of [
    [],
    [one.sign(content)],
    [one.sign(content), one.sign(content)],
    [one.sign(content), strange.sign(content)],
    [one.sign(content), two.sign(other)],
    [one.sign(content), `${two.sign(content).slice(0, -4)}AAAA`],
  ]) {
    const refused = await use(content, signatures);
    assert.deepEqual([refused.status, refused.body.code], [403, 'denied'], refused.text);
  }
  assert.equal((await exec()).body.code, 'approval_required');
  const events = await world.store.events({ types: ['breakglass.refused'] }, { limit: 9 });
  assert.equal(events.length, 6);
});

test('who tries sealed requests again and again is stopped, and fills no log', async () => {
  const content = sealed();
  for (let n = 0; n < limits.ownTriesPerMinute; n += 1) assert.equal((await use(content, [])).status, 403);
  assert.equal((await use(content, [one.sign(content), two.sign(content)])).body.code, 'rate_limited');
  const refusals = await world.store.events({ types: ['breakglass.refused'] }, { limit: 99 });
  assert.equal(refusals.length, limits.ownTriesPerMinute);
  world.clock.advance(60_000);
  assert.equal((await use(content, [one.sign(content), two.sign(content)])).status, 200);
});

test('I18 what is over, too long, of somebody or something else, or was used before is refused', async () => {
  const now = world.clock.now();
  const both = async (changes: JsonObject, peer = ana) => {
    const content = sealed(changes);
    return await use(content, [one.sign(content), two.sign(content)], peer);
  };
  const refused: readonly JsonObject[] = [
    { notAfter: now },
    { madeAt: now + 3_600_000, notAfter: now + 7_200_000 },
    { notAfter: now + 48 * 3_600_000 },
    { forMs: limits.breakGlassMaxMs + 1 },
    { trustDomain: 'example.org' },
    { identity: { id: 'idn_0', name: 'ana' } },
    { cnf: 'x'.repeat(43) },
    { uses: 2 },
  ];
  for (const changes of refused) {
    const answer = await both(changes);
    assert.equal(answer.body.code, 'denied', JSON.stringify(changes));
  }
  assert.equal((await both({ target: 'pump-8' })).body.code, 'not_found');
  const bo = await signIn(world, 'bo');
  assert.equal((await both({}, bo)).body.code, 'denied', 'it was made for ana');
  const content = sealed();
  const signatures = [one.sign(content), two.sign(content)];
  assert.equal((await use(content, signatures)).status, 200);
  const again = await use(content, signatures);
  assert.match(again.body.title, /was used before/);
  world.clock.advance(limits.breakGlassUseWithinMs);
  assert.equal((await exec()).body.code, 'approval_required', 'it was to be used within ten minutes');
});

test('what forbids stays: a lock, a forbid, a device that looks at approvals itself', async () => {
  const content = sealed();
  assert.equal((await use(content, [one.sign(content), two.sign(content)])).status, 200);
  const forward = await exec({ kind: 'tcp', host: '127.0.0.1', port: 22 });
  assert.equal(forward.body.code, 'denied', 'policy forbids it');
  await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'device', subject: 'pump-7', reason: 'burnt' },
  });
  const late = sealed();
  const refused = await use(late, [one.sign(late), two.sign(late)]);
  assert.match(refused.body.title, /a lock stands/);
  assert.equal((await exec()).body.code, 'locked');
  const own = await addDevice(world, 'pump-9');
  const checked = { ...own.device, approvals: { check: 'verify' } } as const;
  await world.store.commit({ changes: [{ put: 'device', value: checked }], events: [] });
  const third = sealed({ target: 'pump-9' });
  assert.match(
    (await use(third, [one.sign(third), two.sign(third)])).body.title,
    /looks at approvals itself/,
  );
  assert.equal(device.device.name, 'pump-7');
});

test('I10 a device of another tenant is one that is not there, for as many keys as one likes', async () => {
  const { device: other } = await addDevice(world, 'pump-9');
  await world.store.commit({
    changes: [{ put: 'device', value: { ...other, tenant: 'acme' } }],
    events: [],
  });
  const [there, missing] = [sealed({ target: 'pump-9' }), sealed({ target: 'pump-0' })];
  const answers = [];
  for (const content of [there, missing]) {
    const { status, body } = await use(content, [one.sign(content), two.sign(content)]);
    answers.push([status, body.code, body.title.replace(/pump-[0-9]/, 'X')]);
  }
  assert.deepEqual(answers[0], answers[1]);
  assert.equal(answers[0]?.[1], 'not_found');
});

test('who has no right to know the target gets in by the keys, and only by them', async () => {
  usePolicy(world, 'permit (principal in Role::"auditor", action, resource);');
  assert.equal((await exec()).body.code, 'not_found');
  const content = sealed();
  assert.equal((await use(content, [one.sign(content), two.sign(content)])).status, 200);
  assert.equal((await exec()).status, 200);
  assert.equal((await exec()).body.code, 'not_found');
});

test('I18 not reviewed within a day: whoever used it is locked; reviewed, he is not', async () => {
  const content = sealed();
  const { body } = await use(content, [one.sign(content), two.sign(content)]);
  assert.equal(body.id, breakGlassId(content));
  const path = `POST /v1/break-glass/${body.id}/review`;
  const own = await world.call(ana, path, { body: { review: 'fine' } });
  assert.equal(own.status, 403, 'she is no auditor');
  const second = sealed();
  await use(second, [one.sign(second), two.sign(second)]);
  const reviewed = await world.call(world.admin, path, { body: { review: 'gas alarm, valve closed' } });
  assert.equal(reviewed.status, 200, reviewed.text);
  world.clock.advance(limits.breakGlassReviewMs - 1);
  await lockUnreviewed(world.ctx);
  assert.equal(world.ctx.locks.all().length, 0);
  world.clock.advance(1);
  await lockUnreviewed(world.ctx);
  await lockUnreviewed(world.ctx);
  assert.equal(world.ctx.locks.all().length, 1, 'for the one that nobody reviewed, once');
  assert.match(world.ctx.locks.all()[0]?.reason ?? '', /was not reviewed within a day/);
});

test('nobody reviews his own, and keys of sign-ins are no offline keys', async () => {
  const key = spkiThumbprint(ana.certificate.publicKey);
  const keys = [
    { name: 'a', key },
    { name: 'b', key: one.key },
  ];
  const refused = await world.call(world.admin, 'POST /v1/break-glass/keys', { body: { need: 2, keys } });
  assert.equal(refused.body['code'], 'conflict');
  const single = await world.call(world.admin, 'POST /v1/break-glass/keys', {
    body: { need: 1, keys: [keys[1], { name: 'c', key: two.key }] },
  });
  assert.equal(single.status, 400, 'one key alone never opens');
  const admin = spkiThumbprint(world.admin.certificate.publicKey);
  const content = sealed({ identity: { id: world.admin.id, name: 'admin' }, cnf: admin });
  const { body } = await use(content, [one.sign(content), two.sign(content)], world.admin);
  const own = await world.call(world.admin, `POST /v1/break-glass/${body.id}/review`, {
    body: { review: 'x' },
  });
  assert.equal(own.body['code'], 'forbidden');
});
