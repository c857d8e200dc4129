// A policy that wants the own passkey's yes: to exactly this session, or one that is young enough, and one
// that wants approvals by passkeys. A real verifier, an authenticator in software.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Invited } from '../../src/api/enrollments.ts';
import type { RequestView } from '../../src/api/requests.ts';
import type { StepUpMade, StepUpView } from '../../src/api/step-ups.ts';
import type { SessionOpened } from '../../src/api/sessions.ts';
import { limits } from '../../src/core/limits.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import { passkeyId } from '../../src/authority/passkeys/verify.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import { refusal } from '../doubles/refusal.ts';
import { addDevice, addPerson, usePolicy } from './authority-world.ts';
import { makeApiWorld, redeemAs, signIn, type ApiWorld, type Peer, type Reply } from './api-world.ts';
import { enrolledBrowser, type Browser } from './browser.ts';
import { keyId, signStatement } from '../../src/wire/signed.ts';
import { spkiOf } from '../../src/platform/keys.ts';

const see = `permit (principal in Role::"operator", action == Action::"discover", resource);
permit (principal in Role::"approver", action == Action::"approve", resource);`;
const work = (annotations: string): string =>
  `${see}\n@id("work") ${annotations} permit (principal in Role::"operator", action in [Action::"exec", Action::"shell"], resource);`;

let world: ApiWorld;
let ana: Peer;
let browser: Browser;
beforeEach(async () => {
  world = await makeApiWorld(work('@mfa("session")'));
  await addDevice(world, 'pump-7');
  ana = await signIn(world, 'ana');
  browser = await enrolledBrowser(world, 'ana');
});
afterEach(async () => {
  await world.close();
});

const params = { kind: 'exec', argv: ['true'], env: {} };

async function open(
  more: object = {},
  peer = ana,
): Promise<Reply<SessionOpened & { readonly code: string }>> {
  return await world.call(peer, 'POST /v1/sessions', { body: { target: 'pump-7', params, ...more } });
}

async function begin(peer = ana, of: object = params): Promise<StepUpMade> {
  const asked = await world.call<StepUpMade>(peer, 'POST /v1/step-ups', {
    body: { target: 'pump-7', params: of },
  });
  assert.equal(asked.status, 200, asked.text);
  return asked.body;
}

async function confirm(id: string, by = browser): Promise<Reply> {
  const shown = await by.call<StepUpView>(`GET /v1/step-ups/${id}`);
  if (shown.status !== 200) return { ...shown, body: {} };
  const assertion = by.authenticator.get(shown.body.digest);
  return await by.call(`POST /v1/step-ups/${id}/confirm`, { body: { assertion } });
}

test('R-047 no session without a passkey over exactly it; with one it opens, once', async () => {
  const refused = await open();
  assert.deepEqual([refused.status, refused.body.code], [403, 'mfa_required'], refused.text);
  const { id, url } = await begin();
  assert.match(url, /^https:\/\/\S+\/step-up\/[A-Za-z0-9_-]{22}$/);
  assert.equal((await open({ stepUp: id })).body.code, 'mfa_required', 'nobody has said yes');
  assert.equal((await confirm(id)).status, 200);
  const state = await world.call(ana, `GET /v1/step-ups/${id}/state`);
  assert.deepEqual(state.body, { confirmed: true });
  const opened = await open({ stepUp: id });
  assert.equal(opened.status, 200, opened.text);
  assert.equal((await open({ stepUp: id })).body.code, 'mfa_required', 'it is used');
  const session = await world.store.get('session', opened.body.session.id);
  assert.equal(session?.value.mfa?.isForThis, true);
  const [event] = await world.store.events({ types: ['mfa.confirmed'] }, { limit: 1 });
  assert.equal(event?.body['kind'], 'exec');
  assert.ok(JSON.stringify(event?.body['signature'] ?? '').length > 60, 'enough to verify it again');
});

test('I1 a yes to another session, of another user or key, or of none is worth nothing', async () => {
  const { id } = await begin(ana, { ...params, argv: ['reboot'] });
  assert.equal((await confirm(id)).status, 200);
  assert.equal((await open({ stepUp: id })).body.code, 'mfa_required', 'another command');
  const shell = await begin(ana, { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} });
  await confirm(shell.id);
  assert.equal((await open({ stepUp: shell.id })).body.code, 'mfa_required', 'another kind');

  const bo = await signIn(world, 'bo');
  const his = await enrolledBrowser(world, 'bo');
  const own = await begin();
  assert.equal((await confirm(own.id, his)).status, 404, 'nobody else sees it');
  assert.equal((await world.call(bo, `GET /v1/step-ups/${own.id}/state`)).status, 404);
  await confirm(own.id);
  assert.equal((await open({ stepUp: own.id }, bo)).body.code, 'mfa_required');
  const second = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', {
    body: { name: 'ana' },
  });
  const otherKey = await redeemAs(world, second.body.token);
  assert.equal((await open({ stepUp: own.id }, otherKey)).body.code, 'mfa_required', 'another key of hers');
  assert.equal((await open({ stepUp: 'AAAA' })).body.code, 'mfa_required');

  const wrong = await begin();
  const assertion = browser.authenticator.get(Buffer.alloc(32).toString('base64url'));
  const refused = await browser.call(`POST /v1/step-ups/${wrong.id}/confirm`, { body: { assertion } });
  assert.equal(refused.status, 401);
  const unverified = await begin();
  const shown = await browser.call<StepUpView>(`GET /v1/step-ups/${unverified.id}`);
  const weak = browser.authenticator.get(shown.body.digest, undefined, { flags: 0x01 });
  const without = await browser.call(`POST /v1/step-ups/${unverified.id}/confirm`, {
    body: { assertion: weak },
  });
  assert.equal(without.status, 401, 'present, and not verified');
  assert.equal((await open({ stepUp: own.id })).status, 200, 'hers, by her key, is');
});

test('a yes is waited for five minutes, and then good for five', async () => {
  const late = await begin();
  world.clock.advance(limits.stepUpLifeMs);
  assert.equal((await confirm(late.id)).status, 404);
  const { id } = await begin();
  world.clock.advance(limits.stepUpLifeMs - 1_000);
  assert.equal((await confirm(id)).status, 200);
  assert.equal((await confirm(id)).status, 409, 'answered once');
  world.clock.advance(limits.stepUpLifeMs);
  assert.equal((await open({ stepUp: id })).body.code, 'mfa_required');
});

test('R-047 @mfa("10m") takes the yes to another session by the same key, while it is young', async () => {
  usePolicy(world, work('@mfa("10m")'));
  assert.equal((await open()).body.code, 'mfa_required');
  const { id } = await begin();
  await confirm(id);
  assert.equal((await open({ stepUp: id })).status, 200);
  world.clock.advance(10 * 60_000);
  const young = await open();
  assert.equal(young.status, 200, young.text);
  world.clock.advance(1);
  assert.equal((await open()).body.code, 'mfa_required');
  const again = await begin();
  await confirm(again.id);
  const passkey = passkeyId(browser.authenticator.passkeys[0]?.id ?? '');
  await world.store.commit({ changes: [{ delete: 'passkey', id: passkey }], events: [] });
  assert.equal((await open()).body.code, 'mfa_required', 'a passkey that was removed said nothing');
});

test('a live session stays when its yes grows old, and its channels are decided by the one it had', async () => {
  usePolicy(world, work('@mfa("1m")'));
  const { id } = await begin();
  await confirm(id);
  const opened = await open({ stepUp: id });
  assert.equal(opened.status, 200, opened.text);
  world.clock.advance(5 * 60_000);
  await reviewSessions(world.ctx);
  const session = await world.store.get('session', opened.body.session.id);
  assert.equal(session?.value.state, 'issued');
});

test('a machine has no passkey: refused in words, not offered', async () => {
  const { caller, identity } = await addPerson(world, 'backup');
  const machine = { ...identity, kind: 'machine' } as const;
  const asked = openSession(
    world.ctx,
    { ...caller, kind: 'machine', identity: machine },
    { target: 'pump-7', params },
  );
  const { code, message } = await refusal(asked);
  assert.deepEqual(
    [code, message],
    ['denied', 'policy wants a person\'s passkey to exec on "pump-7", and "backup" is none'],
  );
});

test('I6 @approvedBy("passkey"): a key of the command line is no yes, a passkey is', async () => {
  usePolicy(world, work('@approvers("1") @approvedBy("passkey")'));
  const bo = await signIn(world, 'bo', ['approver']);
  const his = await enrolledBrowser(world, 'bo');
  const filed = await world.call<RequestView>(ana, 'POST /v1/requests', {
    body: { target: 'pump-7', forMs: 60_000, reason: 'valve' },
  });
  assert.deepEqual([filed.status, filed.body.byPasskey], [200, true], filed.text);
  const { id, digest } = filed.body;
  const spki = spkiOf(bo.certificate.publicKey).toString('base64url');
  const statement = signStatement(
    'approval',
    { request: id, digest, spki },
    { kid: keyId(bo.certificate.publicKey), privateKey: bo.key },
  );
  const byKey = await world.call(bo, `POST /v1/requests/${id}/approve`, { body: { statement } });
  assert.equal(byKey.body['code'], 'forbidden');
  assert.match(String(byKey.body['next']), /in the console: https:/);
  assert.equal((await open()).body.code, 'approval_required');
  const assertion = his.authenticator.get(digest);
  const approved = await his.call<RequestView>(`POST /v1/requests/${id}/approve`, { body: { assertion } });
  assert.equal(approved.body.state, 'approved', approved.text);
  assert.equal((await open()).status, 200);
});

test('approvals and the own passkey together: approved first, then asked for the passkey', async () => {
  usePolicy(world, work('@approvers("1") @mfa("session")'));
  const his = await enrolledBrowser(world, 'bo', ['approver']);
  assert.equal((await open()).body.code, 'approval_required');
  const filed = await world.call<RequestView>(ana, 'POST /v1/requests', {
    body: { target: 'pump-7', forMs: 60_000, reason: 'valve' },
  });
  const assertion = his.authenticator.get(filed.body.digest);
  await his.call(`POST /v1/requests/${filed.body.id}/approve`, { body: { assertion } });
  assert.equal((await open()).body.code, 'mfa_required');
  const { id } = await begin();
  await confirm(id);
  assert.equal((await open({ stepUp: id })).status, 200);
  assert.equal((await open()).body.code, 'approval_required', 'the grant is used up');
});
