// Passkeys and browsers' sign-ins, with a real verifier and an authenticator in software.

import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { Invited } from '../../src/api/enrollments.ts';
import type { Assertion, PasskeyView } from '../../src/api/passkeys.ts';
import type { RequestView } from '../../src/api/requests.ts';
import { limits } from '../../src/core/limits.ts';
import { signedText } from '../../src/core/signed-text.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { sha256 } from '../../src/wire/signed.ts';
import type { Twist } from '../doubles/authenticator.ts';
import { join, makeApiWorld, newKey, signIn, type ApiWorld, type Reply } from './api-world.ts';
import { Browser, enrolledBrowser, invite } from './browser.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await makeApiWorld();
});
afterEach(async () => {
  await world.close();
});

const operator = ['operator'];

async function enrolled(name: string, roles: readonly string[] = operator): Promise<Browser> {
  return await enrolledBrowser(world, name, roles);
}

async function codes(type: string): Promise<readonly (string | undefined)[]> {
  const events = await world.ctx.store.events({ types: [type] }, { limit: 20 });
  return events.map(({ code }) => code);
}

suite('enrolling', () => {
  test('an invite makes a person with a passkey, signed in; a second browser signs in by it', async () => {
    const browser = new Browser(world);
    const made = await browser.enroll(await invite(world, 'ana', operator));
    assert.deepEqual([made.status, made.body.name, made.body.roles], [200, 'ana', ['operator']]);
    assert.match(browser.cookie ?? '', /^__Host-sallyport=[A-Za-z0-9_-]{43}$/);
    assert.equal((await browser.call('GET /v1/whoami')).body['name'], 'ana');
    browser.cookie = undefined;
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
    assert.equal((await browser.signIn()).status, 200);
    assert.equal((await browser.call('GET /v1/whoami')).body['name'], 'ana');
  });

  test('an invite for somebody who is here adds a passkey to him', async () => {
    const ana = await signIn(world, 'ana');
    const browser = new Browser(world);
    const body = { name: 'ana' };
    const more = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body });
    assert.equal((await browser.enroll(more.body.token)).body.id, ana.id);
  });

  test('I5 an invite is used up by it, and the other way round', async () => {
    const token = await invite(world, 'ana', operator);
    const [one, other] = [new Browser(world), new Browser(world)];
    const options = await other.begin('POST /v1/passkeys/enroll/begin', { token });
    assert.equal((await one.enroll(token)).status, 200);
    const attestation = other.authenticator.create(options);
    const late = await other.call('POST /v1/passkeys/enroll', { body: { token, name: 'x', attestation } });
    assert.deepEqual([late.status, late.body['code']], [403, 'token_refused']);
    const csr = await createCsr(newKey());
    const reused = await world.call(undefined, 'POST /v1/enrollments/redeem', { body: { token, csr } });
    assert.equal(reused.body['code'], 'token_refused');
  });

  test('I4 a passkey begun with one invite is not enrolled with another', async () => {
    const [mine, yours] = [await invite(world, 'ana', operator), await invite(world, 'bo', operator)];
    const browser = new Browser(world);
    const options = await browser.begin('POST /v1/passkeys/enroll/begin', { token: mine });
    const attestation = browser.authenticator.create(options);
    const crossed = await browser.call('POST /v1/passkeys/enroll', {
      body: { token: yours, name: 'x', attestation },
    });
    assert.equal(crossed.status, 401);
    assert.equal(await world.ctx.store.count('passkey', {}), 0);
  });

  test('I4 a passkey begun with an invite is not added without using it up', async () => {
    const browser = await enrolled('ana');
    const body = { name: 'ana' };
    const more = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body });
    const options = await browser.begin('POST /v1/passkeys/enroll/begin', { token: more.body.token });
    const attestation = browser.authenticator.create(options);
    const beside = await browser.call('POST /v1/passkeys', { body: { name: 'x', attestation } });
    assert.equal(beside.status, 401);
    assert.equal(await world.ctx.store.count('passkey', {}), 1);
  });

  test('an invite for a device is none for a person', async () => {
    const body = { name: 'pump-7' };
    const device = await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body });
    const begun = await new Browser(world).call('POST /v1/passkeys/enroll/begin', {
      body: { token: device.body.token },
    });
    assert.equal(begun.body['code'], 'token_refused');
  });
});

suite('I1 assertions that are refused', () => {
  const twists: Readonly<Record<string, Twist>> = {
    'another challenge': { challenge: Buffer.alloc(32, 7).toString('base64url') },
    'another origin': { origin: 'https://gate.example.com.evil.test:7443' },
    'another port': { origin: 'https://gate.example.com' },
    'another relying party': { rpId: 'example.com' },
    'nobody present': { flags: 0x04 },
    'nobody verified': { flags: 0x01 },
    'another type': { type: 'webauthn.create' },
    'a frame on another page': { crossOrigin: true },
    'another key': { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    'another person’s handle': { userHandle: Buffer.from('idn_0000').toString('base64url') },
  };
  for (const [what, twist] of Object.entries(twists)) {
    test(`I1 ${what}`, async () => {
      const browser = await enrolled('ana');
      browser.cookie = undefined;
      const assertion = browser.authenticator.get(await browser.challenge(), undefined, twist);
      const refused = await browser.call('POST /v1/passkeys/sign-in', { body: { assertion } });
      assert.deepEqual([refused.status, refused.body['code']], [401, 'unauthenticated']);
      assert.equal(browser.cookie, undefined);
      assert.equal((await codes('auth.failed')).length, 1);
      // Nothing of it is in the way of the right one.
      assert.equal((await browser.signIn()).status, 200);
    });
  }

  test('I1 an assertion is good once, and its challenge not for long', async () => {
    const browser = await enrolled('ana');
    const assertion = browser.authenticator.get(await browser.challenge());
    assert.equal((await browser.call('POST /v1/passkeys/sign-in', { body: { assertion } })).status, 200);
    assert.equal((await browser.call('POST /v1/passkeys/sign-in', { body: { assertion } })).status, 401);
    const late = browser.authenticator.get(await browser.challenge());
    world.clock.advance(limits.challengeLifeMs + 1);
    assert.equal(
      (await browser.call('POST /v1/passkeys/sign-in', { body: { assertion: late } })).status,
      401,
    );
  });

  test('I1 a counter that does not rise is a copy, refused and named on the log', async () => {
    const browser = await enrolled('ana');
    assert.equal((await browser.signIn()).status, 200);
    assert.equal((await browser.signIn()).status, 200);
    const copied = browser.authenticator.get(await browser.challenge(), undefined, { counter: 2 });
    assert.equal(
      (await browser.call('POST /v1/passkeys/sign-in', { body: { assertion: copied } })).status,
      401,
    );
    assert.deepEqual(await codes('auth.failed'), ['counter']);
  });

  test('I1 a passkey that nobody knows, and one whose owner is locked or removed', async () => {
    const browser = await enrolled('ana');
    const lock = { kind: 'identity', subject: 'ana', reason: 'lost laptop' };
    const locked = await world.call<{ lock: { id: string } }>(world.admin, 'POST /v1/locks', { body: lock });
    assert.equal((await browser.call('GET /v1/whoami')).body['code'], 'locked');
    assert.equal((await browser.signIn()).status, 401);
    await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
    assert.equal((await browser.signIn()).status, 200);
    await world.call(world.admin, 'DELETE /v1/identities/ana');
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
    assert.equal((await browser.signIn()).status, 401);
    assert.equal(await world.ctx.store.count('passkey', {}), 0);
  });

  test('I2 naming a passkey is no login: who is in is who signed', async () => {
    const [ana, bo] = [await enrolled('ana'), await enrolled('bo')];
    const [anas] = ana.authenticator.passkeys;
    assert.ok(anas !== undefined);
    // Bo's id and handle, as anybody may learn them, and another hand that signs.
    const named = bo.authenticator.get(await bo.challenge(), undefined, { key: anas.key });
    const stranger = new Browser(world);
    const refused = await stranger.call('POST /v1/passkeys/sign-in', { body: { assertion: named } });
    assert.deepEqual([refused.status, stranger.cookie], [401, undefined]);
    const own = ana.authenticator.get(await ana.challenge());
    const asBo = {
      ...own,
      response: { ...own.response, userHandle: bo.authenticator.passkeys[0]?.userHandle },
    };
    const renamed = await stranger.call('POST /v1/passkeys/sign-in', { body: { assertion: asBo } });
    assert.deepEqual(
      [renamed.status, stranger.cookie],
      [401, undefined],
      'nor is somebody else’s name on it',
    );
    const plain = await stranger.call('POST /v1/passkeys/sign-in', {
      body: { assertion: ana.authenticator.get(await ana.challenge()) },
    });
    assert.equal(plain.body['name'], 'ana');
  });

  test('attempts from one address are limited', async () => {
    const browser = new Browser(world);
    browser.authenticator.create({ challenge: 'x', rp: { id: 'gate.example.com' }, user: { id: 'x' } });
    const statuses = new Set<number>();
    for (let n = 0; n <= limits.passkeyAttemptsPerAddressPerMinute; n += 1) {
      statuses.add((await browser.signIn()).status);
    }
    assert.deepEqual([...statuses], [401, 429]);
  });
});

suite('H8 what a browser sends along by itself', () => {
  const cases: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
    'a page of another origin': { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' },
    'a page of a sibling': { origin: 'https://www.example.com', 'sec-fetch-site': 'same-site' },
    'another port': { origin: 'https://gate.example.com', 'sec-fetch-site': 'same-site' },
    'no origin': { origin: undefined, 'sec-fetch-site': undefined },
    'an opaque origin': { origin: 'null', 'sec-fetch-site': 'cross-site' },
  };
  for (const [what, headers] of Object.entries(cases)) {
    test(`H8 ${what} changes nothing`, async () => {
      const browser = await enrolled('ana');
      const refused = await browser.call('POST /v1/passkeys/sign-out', { headers });
      assert.deepEqual([refused.status, refused.body['code']], [403, 'forbidden']);
      assert.equal((await browser.call('GET /v1/whoami')).status, 200);
    });
  }

  test('H8 two cookies of that name count for none; a page elsewhere reads nothing', async () => {
    const browser = await enrolled('ana');
    const cookie = `${browser.cookie}; __Host-sallyport=${'a'.repeat(43)}`;
    assert.equal((await browser.call('GET /v1/whoami', { headers: { cookie } })).status, 401);
    const headers = { 'sec-fetch-site': 'cross-site' };
    assert.equal((await browser.call('GET /v1/whoami', { headers })).status, 403);
  });

  test('H7 another host name is answered 421', async () => {
    const browser = await enrolled('ana');
    const other = await browser.call('GET /v1/whoami', { headers: { host: 'app.example.com:7443' } });
    assert.deepEqual([other.status, other.body['code']], [421, 'misdirected']);
  });

  test('the cookie counts at the console alone, and a certificate does not there', async () => {
    const browser = await enrolled('ana');
    const response = await world.api.app.inject({
      method: 'GET',
      url: '/v1/whoami',
      headers: { cookie: browser.cookie ?? '' },
    });
    assert.equal(response.statusCode, 401);
    const beside = await world.call(world.admin, 'POST /v1/passkeys/begin');
    assert.deepEqual([beside.status, beside.body['code']], [403, 'forbidden']);
  });

  test('what is not for browsers is refused there', async () => {
    const browser = await enrolled('cy', ['administrator']);
    const refused = await browser.call('POST /v1/sessions', { body: {} });
    assert.deepEqual([refused.status, refused.body['code']], [403, 'forbidden']);
  });
});

test('R7 the name of a passkey acts on no terminal; challenges are limited by address', async () => {
  const browser = new Browser(world);
  const token = await invite(world, 'ana', operator);
  const options = await browser.begin('POST /v1/passkeys/enroll/begin', { token });
  const attestation = browser.authenticator.create(options);
  const odd = await browser.call('POST /v1/passkeys/enroll', {
    body: { token, name: 'a\u001b[2Jb', attestation },
  });
  assert.equal(odd.body['code'], 'invalid');
  const statuses = new Set<number>();
  for (let n = 0; n <= limits.challengesPerAddressPerMinute; n += 1) {
    statuses.add((await browser.call('POST /v1/passkeys/sign-in/begin')).status);
  }
  assert.deepEqual([...statuses], [200, 429]);
});

suite('a sign-in ends', () => {
  test('at sign-out, after its time, and when it is left alone', async () => {
    const browser = await enrolled('ana');
    const old = browser.cookie;
    assert.equal((await browser.call('POST /v1/passkeys/sign-out')).status, 200);
    assert.equal(browser.cookie, undefined);
    browser.cookie = old;
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);

    browser.cookie = undefined;
    await browser.signIn();
    world.clock.advance(limits.signInIdleMs);
    assert.equal((await browser.call('GET /v1/whoami')).status, 200);
    world.clock.advance(limits.signInIdleMs + 1);
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);

    browser.cookie = undefined;
    await browser.signIn();
    for (let past = 0; past < limits.signInLifeMs; past += limits.signInIdleMs) {
      assert.equal((await browser.call('GET /v1/whoami')).status, 200);
      world.clock.advance(limits.signInIdleMs);
    }
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
    // The sweep comes by.
    world.clock.advance(10 * 60_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await world.ctx.store.count('signin', {}), 0);
  });

  test('with the passkey that opened it; the last passkey stays', async () => {
    const browser = await enrolled('ana');
    const { body: first } = await browser.call<{ items: PasskeyView[] }>('GET /v1/passkeys');
    const only = await browser.call(`DELETE /v1/passkeys/${first.items[0]?.id ?? ''}`);
    assert.equal(only.body['code'], 'conflict');
    const options = await browser.begin('POST /v1/passkeys/begin');
    assert.equal((options['excludeCredentials'] as unknown[]).length, 1);
    const attestation = browser.authenticator.create(options);
    const added = await browser.call('POST /v1/passkeys', { body: { name: 'key ring', attestation } });
    assert.equal(added.status, 200, added.text);
    const again = await browser.call('POST /v1/passkeys', { body: { name: 'twice', attestation } });
    assert.equal(again.status, 401);
    assert.deepEqual(await codes('auth.failed'), ['no_challenge']);
    const removed = await browser.call(`DELETE /v1/passkeys/${first.items[0]?.id ?? ''}`);
    assert.equal(removed.status, 200);
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
  });
});

suite('an approval by passkey', () => {
  const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);
@id("work") @maxSession("2h") @approvers("1")
permit (principal in Role::"operator", action == Action::"shell", resource);`;

  beforeEach(async () => {
    await world.close();
    world = await makeApiWorld(policy);
    await join(world, 'pump-7');
  });

  async function file(): Promise<RequestView> {
    const ana = await signIn(world, 'ana');
    const body = { target: 'pump-7', forMs: 600_000, reason: 'valve' };
    const filed = await world.call<RequestView>(ana, 'POST /v1/requests', { body });
    assert.equal(filed.status, 200, filed.text);
    return filed.body;
  }

  async function say(
    browser: Browser,
    { id }: RequestView,
    assertion: Assertion,
  ): Promise<Reply<RequestView>> {
    return await browser.call<RequestView>(`POST /v1/requests/${id}/approve`, { body: { assertion } });
  }

  test('is over exactly the request, counts once, and can be verified from the log alone', async () => {
    const bo = await enrolled('bo', ['approver']);
    const request = await file();
    const challenge = sha256(signedText('approval', request.content));
    assert.equal(challenge, request.digest);
    const approved = await say(bo, request, bo.authenticator.get(challenge));
    assert.deepEqual([approved.status, approved.body.state], [200, 'approved'], approved.text);
    assert.equal((await say(bo, request, bo.authenticator.get(challenge))).body.approvals.length, 1);

    const [event] = await world.ctx.store.events({ types: ['request.approved'] }, { limit: 1 });
    const proof = event?.body['assertion'];
    const kept = JSON.parse(typeof proof === 'string' ? proof : '{}') as Readonly<Record<string, string>>;
    const bytes = (name: string): Buffer => Buffer.from(kept[name] ?? '', 'base64url');
    const client = JSON.parse(bytes('clientDataJSON').toString()) as { challenge: string };
    assert.equal(client.challenge, challenge);
    const signed = Buffer.concat([
      bytes('authenticatorData'),
      createHash('sha256').update(bytes('clientDataJSON')).digest(),
    ]);
    const held = bo.authenticator.passkeys[0];
    assert.ok(held !== undefined);
    assert.ok(verify('sha256', signed, createPublicKey(held.key), bytes('signature')));
  });

  test('I1 I6 over another request, another purpose, by another’s passkey, or of a copy: refused and on the log', async () => {
    const [bo, cy] = [await enrolled('bo', ['approver']), await enrolled('cy', ['approver'])];
    const request = await file();
    const other = request.content.replace('600000', '900000');
    assert.notEqual(other, request.content);
    const right = sha256(signedText('approval', request.content));
    const refused = [
      bo.authenticator.get(sha256(signedText('approval', other))),
      bo.authenticator.get(sha256(signedText('signIn', request.content))),
      bo.authenticator.get(await bo.challenge()),
      cy.authenticator.get(right),
      bo.authenticator.get(right, undefined, { flags: 0x01 }),
      bo.authenticator.get(right, undefined, { origin: 'https://evil.test' }),
    ];
    for (const assertion of refused) assert.equal((await say(bo, request, assertion)).status, 401);
    assert.equal((await codes('auth.failed')).length, refused.length);
    const whys = [
      'no_challenge',
      'no_challenge',
      'no_challenge',
      'foreign_passkey',
      'not_verified',
      'not_verified',
    ];
    assert.deepEqual(await codes('auth.failed'), whys);
    const { body } = await bo.call<RequestView>(`GET /v1/requests/${request.id}`);
    assert.deepEqual([body.state, body.approvals], ['pending', []]);
  });

  test('I6 who asked does not approve, by passkey neither', async () => {
    await enrolled('bo', ['approver']);
    const request = await file();
    const more = { name: 'ana' };
    const token = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body: more });
    await world.call(world.admin, 'POST /v1/roles/grant', { body: { identity: 'ana', role: 'approver' } });
    const ana = new Browser(world);
    await ana.enroll(token.body.token);
    const refused = await say(ana, request, ana.authenticator.get(request.digest));
    assert.deepEqual([refused.status, refused.body.state], [403, undefined]);
    assert.deepEqual(await codes('request.refused'), ['own_request']);
  });
});
