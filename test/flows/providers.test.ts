// People sign in by an OpenID Connect provider: a real one, over TLS, with its login and consent pages.

import assert from 'node:assert/strict';
import { X509Certificate, type KeyObject } from 'node:crypto';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import type { Redeemed } from '../../src/api/enrollments.ts';
import type { CodeMade, CodePolled, SignedIn } from '../../src/api/passkeys.ts';
import type { SessionOpened } from '../../src/api/sessions.ts';
import type { ProviderConfig } from '../../src/authority/providers/config.ts';
import type { Role } from '../../src/core/identity.ts';
import {
  clientId,
  clientSecret,
  otherClientId,
  startOpenIdProvider,
  type OpenIdProvider,
} from '../doubles/openid-provider.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { makeApiWorld, newKey, type ApiWorld, type Peer, type Reply } from './api-world.ts';
import { addDevice } from './authority-world.ts';
import { Browser } from './browser.ts';

const redirectUri = 'https://gate.example.com:7443/provider';
const begin = 'POST /v1/providers/example/begin';
const finish = 'POST /v1/providers/finish';

interface Left {
  readonly url: string;
  readonly secret: string;
}

let idp: OpenIdProvider;
before(async () => {
  idp = await startOpenIdProvider(redirectUri);
});
after(() => idp.close());

let world: ApiWorld;
beforeEach(async () => {
  world = await start();
});

async function start(tenant = 'default'): Promise<ApiWorld> {
  idp.accounts.clear();
  idp.accounts.set('u-1', { name: 'Ana.Silva@example.com', groups: ['ops', 'everyone'] });
  idp.accounts.set('u-2', { name: 'bo', groups: ['everyone'] });
  idp.setAway(false);
  const config: ProviderConfig = {
    name: 'example',
    title: 'Example SSO',
    tenant,
    issuer: idp.issuer,
    clientId,
    clientSecret,
    scopes: ['profile', 'groups'],
    nameClaim: 'preferred_username',
    groupsClaim: 'groups',
    roles: new Map<string, readonly Role[]>([
      ['ops', ['operator']],
      ['approvers', ['approver']],
      ['admins', ['administrator']],
    ]),
  };
  const providers = { providers: new Map([['example', config]]), ca: idp.ca };
  return await makeApiWorld(undefined, { providers, now: Date.now() });
}
afterEach(async () => await world.close());

async function leave(browser: Browser): Promise<Left> {
  const left = await browser.call<Left>(begin);
  assert.equal(left.status, 200, left.text);
  return left.body;
}

async function signIn(browser: Browser, login: string, jar?: Map<string, string>): Promise<Reply<SignedIn>> {
  const { url, secret } = await leave(browser);
  const returned = await idp.visit(url, login, jar);
  return await browser.call<SignedIn>(finish, { body: { secret, returned } });
}

async function whys(): Promise<readonly string[]> {
  const events = await world.store.events({ types: ['auth.failed'] }, { limit: 20 });
  return events.map(({ body }) => (typeof body['why'] === 'string' ? body['why'] : ''));
}

async function refused(reply: Reply<unknown>, why: RegExp): Promise<void> {
  assert.deepEqual(
    [reply.status, (reply.body as { code?: string }).code],
    [401, 'unauthenticated'],
    reply.text,
  );
  assert.match((await whys()).at(-1) ?? '', why);
}

suite('signing in', () => {
  test('a person of a known group comes in, is the same one again, and has the roles of his groups', async () => {
    const browser = new Browser(world);
    assert.deepEqual((await browser.call('GET /v1/providers')).body, {
      items: [{ name: 'example', title: 'Example SSO' }],
    });
    const first = await signIn(browser, 'u-1');
    assert.equal(first.status, 200, first.text);
    assert.deepEqual([first.body.name, first.body.roles], ['ana-silva', ['operator']]);
    assert.match(browser.cookie ?? '', /^__Host-sallyport=/);
    assert.equal((await browser.call('GET /v1/whoami')).body['name'], 'ana-silva');
    idp.accounts.set('u-1', { name: 'another name', groups: ['approvers'] });
    const again = await signIn(new Browser(world), 'u-1');
    assert.deepEqual(
      [again.body.id, again.body.name, again.body.roles],
      [first.body.id, 'ana-silva', ['approver']],
    );
    const types = ['identity.created', 'role.granted', 'role.revoked'];
    const events = await world.store.events({ types, identity: first.body.id }, { limit: 9 });
    assert.deepEqual(
      events.map(({ type, actor, body }) => [type, actor.id, body['role']]),
      [
        ['identity.created', 'providers/example', undefined],
        ['role.granted', 'providers/example', 'approver'],
        ['role.revoked', 'providers/example', 'operator'],
      ],
    );
  });

  test('who is in no group that comes in here is refused, and what he had ends', async () => {
    await refused(await signIn(new Browser(world), 'u-2'), /none of the groups/);
    assert.equal(await world.store.find('identity', { name: 'bo' }), undefined);
    const browser = new Browser(world);
    const { body } = await signIn(browser, 'u-1');
    idp.accounts.set('u-1', { name: 'ana', groups: ['everyone'] });
    await refused(await signIn(new Browser(world), 'u-1'), /none of the groups/);
    assert.equal((await browser.call('GET /v1/whoami')).status, 401, 'his other browser is out');
    assert.deepEqual((await world.store.get('identity', body.id))?.value.roles, []);
  });

  test('a name does not make somebody: it is taken, or no name, or another subject', async () => {
    idp.accounts.set('u-3', { name: world.admin.name, groups: ['ops'] });
    const taken = await signIn(new Browser(world), 'u-3');
    assert.deepEqual([taken.status, (taken.body as { code?: string }).code], [409, 'conflict']);
    assert.match(taken.text, /whom \\"Example SSO\\" did not make known/);
    idp.accounts.set('u-3', { name: '!!', groups: ['ops'] });
    await refused(await signIn(new Browser(world), 'u-3'), /"preferred_username" makes no name/);
    idp.accounts.set('u-3', { name: 'ana.silva', groups: ['ops'] });
    await signIn(new Browser(world), 'u-1');
    assert.equal((await signIn(new Browser(world), 'u-3')).status, 409);
    for (const groups of ['ops', { ops: true }, [['ops']], undefined]) {
      idp.accounts.set('u-4', { name: 'cy', groups });
      await refused(await signIn(new Browser(world), 'u-4'), /none of the groups/);
    }
  });

  test('a locked person is refused as any other, and the roles of a provider are not changed here', async () => {
    const browser = new Browser(world);
    await signIn(browser, 'u-1');
    const grant = { identity: 'ana-silva', role: 'administrator' };
    const changed = await world.call(world.admin, 'POST /v1/roles/grant', { body: grant });
    assert.deepEqual([changed.status, changed.body['code']], [409, 'conflict']);
    assert.match(changed.text, /groups at a provider/);
    const locked = await world.call(world.admin, 'POST /v1/locks', {
      body: { kind: 'identity', subject: 'ana-silva', reason: 'gone' },
    });
    assert.equal(locked.status, 200, locked.text);
    await refused(await signIn(new Browser(world), 'u-1'), /locked by/);
  });

  test('a provider’s sign-in makes no passkey, and no recovery codes', async () => {
    const browser = new Browser(world);
    await signIn(browser, 'u-1');
    const begun = await browser.call('POST /v1/passkeys/begin');
    assert.deepEqual([begun.status, begun.body['code']], [403, 'forbidden']);
    const codes = await browser.call('POST /v1/passkeys/recovery-codes/begin');
    assert.deepEqual([codes.status, codes.body['code']], [403, 'forbidden']);
  });

  test('while the provider is away nobody comes in by it, in words, and who is in stays in', async () => {
    const browser = new Browser(world);
    await signIn(browser, 'u-1');
    const { url, secret } = await leave(new Browser(world));
    const returned = await idp.visit(url, 'u-1');
    idp.setAway(true);
    const away = await new Browser(world).call(finish, { body: { secret, returned } });
    assert.deepEqual([away.status, away.body['code']], [503, 'unavailable'], away.text);
    assert.match(away.text, /cannot be asked at the moment/);
    assert.equal((await browser.call('GET /v1/whoami')).status, 200);
    world.clock.advance(2 * 3_600_000);
    const late = await new Browser(world).call(begin);
    assert.deepEqual([late.status, late.body['code']], [503, 'unavailable'], late.text);
    idp.setAway(false);
    assert.equal((await new Browser(world).call(begin)).status, 200, 'it is asked again at once');
  });
});

suite('what a browser brings back', () => {
  test('I4 a sign-in begun in one browser is not finished in another, nor twice, nor late', async () => {
    const mine = await leave(new Browser(world));
    const his = await leave(new Browser(world));
    const returned = await idp.visit(his.url, 'u-1');
    const browser = new Browser(world);
    await refused(await browser.call(finish, { body: { secret: mine.secret, returned } }), /state/);
    await refused(await browser.call(finish, { body: { secret: 'x', returned } }), /nobody here left/);
    assert.equal((await browser.call(finish, { body: { secret: his.secret, returned } })).status, 200);
    await refused(await browser.call(finish, { body: { secret: his.secret, returned } }), /nobody here left/);
    const late = await leave(new Browser(world));
    const lately = await idp.visit(late.url, 'u-1');
    world.clock.advance(11 * 60_000);
    await refused(
      await browser.call(finish, { body: { secret: late.secret, returned: lately } }),
      /nobody here left/,
    );
    const twice = await leave(new Browser(world));
    const once = await idp.visit(twice.url, 'u-1');
    const again = await leave(new Browser(world));
    const forged = { ...(await idp.visit(again.url, 'u-1')), code: once['code'] ?? '' };
    await refused(
      await browser.call(finish, { body: { secret: again.secret, returned: forged } }),
      /invalid_grant/,
    );
  });

  test('another issuer, an error, and nothing at all are refused', async () => {
    const browser = new Browser(world);
    const from = async (change: (returned: Readonly<Record<string, string>>) => object): Promise<Reply> => {
      const { url, secret } = await leave(browser);
      return await browser.call(finish, { body: { secret, returned: change(await idp.visit(url, 'u-1')) } });
    };
    await refused(await from((all) => ({ ...all, iss: 'https://evil.example' })), /iss/);
    await refused(
      await from(({ state = '' }) => ({ state, iss: idp.issuer, error: 'access_denied' })),
      /access_denied/,
    );
    await refused(await from(() => ({})), /"iss"/);
    await refused(await from(() => ({ iss: idp.issuer })), /"state"/);
    const foreign = { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } };
    assert.equal((await browser.call(begin, foreign)).status, 403, 'another site does not begin one');
  });
});

suite('a command that a provider’s sign-in lets in', () => {
  interface Asked {
    readonly path: string;
    readonly key: KeyObject;
    readonly poll: () => Promise<Reply<CodePolled>>;
  }

  async function ask(): Promise<Asked> {
    const key = newKey();
    const { body: made } = await world.call<CodeMade>(undefined, 'POST /v1/sign-in/codes', {
      body: { csr: await createCsr(key), machine: 'laptop-3' },
    });
    const poll = async (): Promise<Reply<CodePolled>> =>
      await world.call(undefined, 'POST /v1/sign-in/codes/poll', { body: { secret: made.secret } });
    return { path: `/v1/sign-in/codes/${made.code}`, key, poll };
  }

  async function letIn(
    browser: Browser,
    path: string,
    login: string,
    jar?: Map<string, string>,
  ): Promise<Reply> {
    const left = await browser.call<Left>(`POST ${path}/provider`);
    assert.equal(left.status, 200, left.text);
    const returned = await idp.visit(left.body.url, login, jar);
    return await browser.call(`POST ${path}/provider/finish`, {
      body: { secret: left.body.secret, returned },
    });
  }

  async function commandOf(browser: Browser, login: string, jar?: Map<string, string>): Promise<Peer> {
    const { path, key, poll } = await ask();
    assert.equal((await letIn(browser, path, login, jar)).status, 200);
    const signedIn = (await poll()).body.signedIn;
    assert.ok(signedIn !== undefined);
    const { id, name, certificate } = signedIn;
    return {
      id,
      name,
      key,
      redeemed: signedIn as unknown as Redeemed,
      certificate: new X509Certificate(certificate),
    };
  }

  test('the provider has to ask again, and only the same person lets it in', async () => {
    const jar = new Map<string, string>();
    const browser = new Browser(world);
    await signIn(browser, 'u-1', jar);
    idp.accounts.set('u-5', { name: 'eve', groups: ['ops'] });
    const { path, poll } = await ask();
    await refused(await letIn(browser, path, 'u-5'), /somebody else came back/);
    assert.deepEqual((await poll()).body, {});
    const left = await browser.call<Left>(`POST ${path}/provider`);
    const url = new URL(left.body.url);
    assert.deepEqual([url.searchParams.get('prompt'), url.searchParams.get('max_age')], ['login', '0']);
    // Without the provider's new question its old sign-in would do.
    url.searchParams.delete('prompt');
    url.searchParams.delete('max_age');
    // The provider tells whole seconds, and five minutes count as fresh.
    await idp.ageSession(jar, 10 * 60);
    const returned = await idp.visit(url.href, 'u-1', jar);
    const body = { secret: left.body.secret, returned };
    await refused(await browser.call(`POST ${path}/provider/finish`, { body }), /auth_time/);
    assert.equal((await letIn(browser, path, 'u-1', jar)).status, 200);
    assert.equal((await poll()).body.signedIn?.name, 'ana-silva');
    const stranger = new Browser(world);
    await signIn(stranger, 'u-5');
    const other = await ask();
    const begun = await stranger.call<Left>(`POST ${other.path}/provider`);
    const brought = { secret: begun.body.secret, returned: await idp.visit(begun.body.url, 'u-5') };
    await refused(
      await browser.call(`POST ${other.path}/provider/finish`, { body: brought }),
      /nobody here left/,
    );
    await refused(await browser.call(finish, { body: brought }), /nobody here left/);
  });

  test('a command that a provider let in signs in anew after a working day', async () => {
    const jar = new Map<string, string>();
    const browser = new Browser(world);
    await signIn(browser, 'u-1', jar);
    const began = world.clock.now();
    const command = await commandOf(browser, 'u-1', jar);
    world.clock.advance(10 * 3_600_000);
    const renewed = await world.call(command, 'POST /v1/sign-in/renew', {
      body: { csr: await createCsr(command.key) },
    });
    const { validToDate } = new X509Certificate(String(renewed.body['certificate']));
    const left = validToDate.getTime() - (began + 16 * 3_600_000);
    assert.ok(Math.abs(left) <= 1_000, `certificates count in seconds: ${left} ms`);
  });

  test('a sign-out at the provider ends browsers, commands and what they opened; each token is good once', async () => {
    const jar = new Map<string, string>();
    const browser = new Browser(world);
    await signIn(browser, 'u-1', jar);
    const apart = new Browser(world);
    await signIn(apart, 'u-1');
    const command = await commandOf(browser, 'u-1', jar);
    const renewed = await world.call(command, 'POST /v1/sign-in/renew', {
      body: { csr: await createCsr(command.key) },
    });
    command.certificate = new X509Certificate(renewed.body['certificate'] as string);
    await addDevice(world, 'pump-7');
    const params = { kind: 'exec', argv: ['true'], env: {} };
    const opened = await world.call<SessionOpened>(command, 'POST /v1/sessions', {
      body: { target: 'pump-7', params },
    });
    assert.equal(opened.status, 200, opened.text);
    const stored = await world.store.find('credential', { holder: command.id });
    const { sid } = stored?.value.provider ?? {};
    assert.ok(sid !== undefined, 'the provider names its sessions');
    const token = await idp.logoutToken('u-1', sid);
    const told = await logout(token);
    assert.equal(told.status, 200, told.text);
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
    assert.equal((await world.call(command, 'GET /v1/whoami')).status, 401, 'also after it was renewed');
    assert.equal((await apart.call('GET /v1/whoami')).status, 200, 'another session at the provider');
    const session = (await world.store.get('session', opened.body.session.id))?.value;
    assert.deepEqual([session?.state, session?.endReason], ['closed', 'operator_gone']);
    await refused(await logout(token), /used before/);
    assert.equal((await logout(await idp.logoutToken('u-1'))).status, 200);
    assert.equal((await apart.call('GET /v1/whoami')).status, 401, 'all of his');
  });

  test('what is no logout token of this provider for this client ends nothing', async () => {
    const browser = new Browser(world);
    await signIn(browser, 'u-1');
    const other = await startOpenIdProvider(redirectUri);
    other.accounts.set('u-1', { name: 'ana', groups: [] });
    try {
      await refused(await logout(await other.logoutToken('u-1')), /logout token/);
    } finally {
      other.close();
    }
    await refused(await logout('x.y.z'), /logout token/);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const disguised = [{ jti: 'a', events: {} }, { jti: 'b', events, nonce: 'n' }, { jti: 'c' }, { events }];
    for (const claims of disguised) {
      await refused(
        await logout(await idp.token('u-1', claims)),
        /logout token: (?:it is no|missing required)/,
      );
    }
    const right = { jti: 'd', events };
    await refused(await logout(await idp.token('u-1', right, otherClientId)), /logout token: .*"aud"/);
    const lasting = await idp.token('u-1', { ...right, jti: 'e' });
    const token = await idp.logoutToken('u-1');
    const unknown = await logout(token, 'POST /v1/providers/other/logout');
    assert.equal(unknown.status, 401);
    world.clock.advance(10 * 60_000);
    await refused(await logout(token), /logout token/);
    await refused(await logout(lasting), /logout token: .*"iat"/);
    assert.equal((await browser.call('GET /v1/whoami')).status, 200);
  });

  async function logout(token: string, request = 'POST /v1/providers/example/logout'): Promise<Reply> {
    return await world.call(undefined, request, {
      raw: new URLSearchParams({ logout_token: token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  }

  test('a form is read where a form belongs, and nowhere else', async () => {
    const form = { raw: 'secret=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const reply = await world.call(undefined, finish, form);
    assert.deepEqual([reply.status, reply.body['code']], [400, 'invalid']);
    assert.match(reply.text, /must be JSON/);
  });
});

test('R-071 who comes in by a tenant’s provider is of that tenant, and stays it', async () => {
  await world.close();
  world = await start('acme');
  assert.equal((await signIn(new Browser(world), 'u-1')).status, 200);
  const ana = await world.store.find('identity', { name: 'acme/ana-silva' });
  assert.ok(ana);
  assert.equal(ana.value.tenant, 'acme');
  // The file says something else by now.
  await world.store.commit({
    changes: [{ put: 'identity', value: { ...ana.value, tenant: 'default' } }],
    events: [],
  });
  await refused(await signIn(new Browser(world), 'u-1'), /as somebody of the tenant "default"/);
});
