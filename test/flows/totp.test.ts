// An authenticator app as the second factor of a terminal, where policy takes it: @mfaBy("totp"). Real codes.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { SessionOpened } from '../../src/api/sessions.ts';
import type { TotpBegun } from '../../src/api/totp.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import { limits } from '../../src/core/limits.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { X509Certificate } from 'node:crypto';
import { addDevice, usePolicy } from './authority-world.ts';
import { makeApiWorld, signIn, statuses, type ApiWorld, type Peer, type Reply } from './api-world.ts';
import { enrolledBrowser } from './browser.ts';

const see = '@id("see") permit (principal, action == Action::"discover", resource);';
const work = (annotations: string, id = 'work'): string =>
  `@id("${id}") ${annotations} permit (principal in Role::"operator", action == Action::"exec", resource);`;
const byCode = '@mfa("session") @mfaBy("totp")';

let world: ApiWorld;
let ana: Peer;
beforeEach(async () => {
  world = await makeApiWorld(`${see}\n${work(byCode)}`);
  await addDevice(world, 'pump-7');
  ana = await signIn(world, 'ana');
});
afterEach(async () => await world.close());

interface App {
  readonly secret: string;
  /** Of the step that is now, or some steps off. */
  readonly code: (steps?: number) => string;
}

async function begin(peer = ana): Promise<App> {
  const { body, status, text } = await world.call<TotpBegun>(peer, 'POST /v1/totp/begin');
  assert.equal(status, 200, text);
  const app = new TOTP({ secret: Secret.fromBase32(body.secret) });
  const code = (steps = 0): string => app.generate({ timestamp: world.clock.now() + steps * 30_000 });
  return { secret: body.secret, code };
}

async function confirm(code: string, peer = ana): Promise<Reply> {
  return await world.call(peer, 'POST /v1/totp', { body: { code } });
}

async function add(peer = ana): Promise<App> {
  const app = await begin(peer);
  assert.equal((await confirm(app.code(), peer)).status, 200);
  world.clock.advance(30_000);
  return app;
}

async function open(totp?: string, peer = ana): Promise<Reply<SessionOpened & { code: string }>> {
  const params = { kind: 'exec', argv: ['true'], env: {} };
  const body = { target: 'pump-7', params, ...(totp === undefined ? {} : { totp }) };
  return await world.call(peer, 'POST /v1/sessions', { body });
}

test('a session opens with a code of the app, once each; it stays open afterwards', async () => {
  const app = await add();
  assert.equal((await open()).body.code, 'totp_required');
  const code = app.code();
  const opened = await open(` ${code.slice(0, 3)} ${code.slice(3)} `);
  assert.equal(opened.status, 200, opened.text);
  const kept = (await world.store.get('session', opened.body.session.id))?.value;
  assert.deepEqual([kept?.totp, kept?.mfa], [{ ageMs: 0, isForThis: true }, undefined]);
  assert.equal((await open(code)).body.code, 'denied', 'a code is good once');
  assert.equal((await open()).body.code, 'totp_required', 'and for one session');
  await reviewSessions(world.ctx);
  assert.equal((await world.store.get('session', opened.body.session.id))?.value.state, 'issued');
  const [event] = await world.store.events({ types: ['totp.accepted'] }, { limit: 1 });
  assert.equal(event?.identity, ana.id);
});

test('RFC 6238 one step early or late is taken, two are not; none from before the last', async () => {
  const app = await add();
  for (const steps of [-2, 2]) assert.equal((await open(app.code(steps))).body.code, 'denied');
  assert.equal((await open(app.code(1))).status, 200);
  for (const steps of [0, 1, -1]) assert.equal((await open(app.code(steps))).body.code, 'denied');
  world.clock.advance(60_000);
  assert.equal((await open(app.code())).status, 200);
});

test('the same code shown twice at once opens one session', async () => {
  const app = await add();
  const code = app.code();
  assert.deepEqual(statuses(await Promise.all([open(code), open(code), open(code)])), [200, 403, 403]);
});

test('wrong codes are refused as all others, on the log, and soon not looked at', async () => {
  const app = await add();
  for (const wrong of ['000000', '12345', 'abcdef', '', '0000000'].slice(0, limits.totpTriesPerMinute)) {
    const { status } = await open(wrong);
    assert.ok(status === 403 || status === 400);
  }
  await open('000001');
  const limited = await open(app.code());
  assert.deepEqual([limited.status, limited.body.code], [429, 'rate_limited']);
  world.clock.advance(60_000);
  assert.equal((await open(app.code())).status, 200);
  const events = await world.store.events({ types: ['auth.failed'] }, { limit: 20 });
  assert.ok(events.length >= 4 && events.every(({ code }) => code === 'totp'));
  assert.ok(!JSON.stringify([events, world.lines]).includes(app.secret));
});

test('I2 with an age a code lets the next ones in on that machine, and on no other', async () => {
  usePolicy(world, `${see}\n${work('@mfa("15m") @mfaBy("totp")')}`);
  const app = await add();
  const other = await signIn(world, 'bo');
  assert.equal((await open(app.code())).status, 200);
  assert.equal((await open()).status, 200);
  assert.notEqual((await open(undefined, other)).status, 200);
  const second = await world.call<{ token: string }>(world.admin, 'POST /v1/identities/invitations', {
    body: { name: 'ana' },
  });
  const { redeemAs } = await import('./api-world.ts');
  const laptop = await redeemAs(world, second.body.token);
  assert.equal((await open(undefined, laptop)).body.code, 'totp_required');
  world.clock.advance(15 * 60_000 + 1);
  assert.equal((await open()).body.code, 'totp_required');
});

test('where policy wants a passkey, a code is none; nor where one of two does', async () => {
  const app = await add();
  usePolicy(world, `${see}\n${work('@mfa("session")')}`);
  assert.equal((await open(app.code())).body.code, 'mfa_required');
  world.clock.advance(30_000);
  usePolicy(world, `${see}\n${work(byCode)}\n${work('@mfa("session")', 'strict')}`);
  assert.equal((await open(app.code())).body.code, 'mfa_required');
  world.clock.advance(30_000);
  usePolicy(world, `${see}\n${work(byCode)}\n${work('', 'loose')}`);
  assert.equal((await open(app.code())).status, 200);
});

test('a passkey says yes there, too; who has neither is told what to do', async () => {
  const asked = await open();
  assert.equal(asked.body.code, 'mfa_required', 'a console is there, and no app');
  const browser = await enrolledBrowser(world, 'ana');
  const params = { kind: 'exec', argv: ['true'], env: {} };
  const made = await world.call<{ id: string }>(ana, 'POST /v1/step-ups', {
    body: { target: 'pump-7', params },
  });
  const shown = await browser.call<{ digest: string }>(`GET /v1/step-ups/${made.body.id}`);
  const assertion = browser.authenticator.get(shown.body.digest);
  await browser.call(`POST /v1/step-ups/${made.body.id}/confirm`, { body: { assertion } });
  const body = { target: 'pump-7', params, stepUp: made.body.id };
  assert.equal((await world.call(ana, 'POST /v1/sessions', { body })).status, 200);
});

test('an app is added by a key that was enrolled just now, and by a code of it, not by one that is old', async () => {
  const app = await begin();
  assert.equal((await confirm('000000')).body['code'], 'denied');
  world.clock.advance(limits.totpAddWithinMs + 1);
  assert.equal((await confirm(app.code())).body['code'], 'forbidden');
  const renewed = await world.call(ana, 'POST /v1/sign-in/renew', {
    body: { csr: await createCsr(ana.key) },
  });
  ana.certificate = new X509Certificate(String(renewed.body['certificate']));
  const late = await world.call(ana, 'POST /v1/totp/begin');
  assert.deepEqual([late.status, late.body['code']], [403, 'forbidden'], 'a renewal makes no key new');
  const bo = await signIn(world, 'bo');
  await add(bo);
  assert.equal(
    (await world.call(bo, 'POST /v1/totp/begin')).body['code'],
    'conflict',
    'nor another beside it',
  );
});

test('the own app goes by a code of it, that of who lost it by an administrator, nobody else’s by anybody', async () => {
  const app = await add();
  const bo = await signIn(world, 'bo');
  const remove = async (peer: Peer, body: object): Promise<unknown> =>
    (await world.call(peer, 'POST /v1/totp/remove', { body })).body['code'] ?? 'done';
  assert.equal(await remove(bo, { name: 'ana' }), 'forbidden');
  assert.equal(await remove(ana, {}), 'denied');
  assert.equal(await remove(ana, { code: app.code() }), 'done');
  assert.equal((await open(app.code(1))).body.code, 'denied');
  await add(bo);
  assert.equal(await remove(world.admin, { name: 'bo' }), 'done');
  assert.equal(await remove(world.admin, { name: 'bo' }), 'not_found');
});

test('with the app goes what its last code still let in', async () => {
  usePolicy(world, `${see}\n${work('@mfa("15m") @mfaBy("totp")')}`);
  const app = await add();
  assert.equal((await open(app.code())).status, 200);
  assert.equal((await open()).status, 200);
  await world.call(world.admin, 'POST /v1/totp/remove', { body: { name: 'ana' } });
  assert.equal((await open()).body.code, 'mfa_required');
});
