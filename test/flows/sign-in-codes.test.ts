// A command that a browser lets in: a code, what it is for, and a passkey's yes over exactly that; with a real verifier
// and an authenticator in software.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { CodeMade, CodePolled, CodeView } from '../../src/api/passkeys.ts';
import { limits } from '../../src/core/limits.ts';
import { signedText } from '../../src/core/signed-text.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { sha256 } from '../../src/wire/signed.ts';
import type { Twist } from '../doubles/authenticator.ts';
import { makeApiWorld, newKey, signIn, type ApiWorld, type Peer } from './api-world.ts';
import { enrolledBrowser, type Browser } from './browser.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await makeApiWorld();
});
afterEach(async () => {
  await world.close();
});

async function enrolled(name: string, roles: readonly string[] = ['operator']): Promise<Browser> {
  return await enrolledBrowser(world, name, roles);
}

suite('a command that a browser lets in', () => {
  async function ask(key = newKey()): Promise<{
    readonly made: CodeMade;
    poll: () => Promise<{ status: number; body: CodePolled }>;
  }> {
    const csr = await createCsr(key);
    const { body: made } = await world.call<CodeMade>(undefined, 'POST /v1/sign-in/codes', {
      body: { csr, machine: 'laptop-3' },
      sourceIp: '198.51.100.4',
    });
    const body = { secret: made.secret };
    return {
      made,
      poll: async () => await world.call<CodePolled>(undefined, 'POST /v1/sign-in/codes/poll', { body }),
    };
  }

  function yes(browser: Browser, { content }: CodeView, twist: Twist = {}) {
    const challenge = sha256(signedText('signIn', content));
    return { assertion: browser.authenticator.get(challenge, undefined, twist) };
  }

  test('shows machine, key and address, and is let in by a passkey over exactly that, once', async () => {
    const browser = await enrolled('ana');
    const { made, poll } = await ask();
    assert.match(made.code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    assert.equal(made.url, `https://gate.example.com:7443/device?code=${made.code}`);
    assert.deepEqual((await poll()).body, {});
    const typed = made.code.toLowerCase().replace('-', '');
    const { body: shown } = await browser.call<CodeView>(`GET /v1/sign-in/codes/${typed}`);
    assert.deepEqual([shown.machine, shown.sourceIp], ['laptop-3', '198.51.100.4']);
    const confirmed = await browser.call(`POST /v1/sign-in/codes/${made.code}/confirm`, {
      body: yes(browser, shown),
    });
    assert.equal(confirmed.status, 200, confirmed.text);
    const { body } = await poll();
    assert.equal(body.signedIn?.name, 'ana');
    assert.equal((await poll()).status, 403);
    assert.equal((await browser.call(`GET /v1/sign-in/codes/${made.code}`)).status, 404);
  });

  test('I3 what is said of a person at one step binds at each later one: his end, his roles, a lock', async () => {
    const browser = await enrolled('ana', ['operator', 'approver']);
    const stored = await world.store.find('identity', { name: 'ana' });
    assert.ok(stored !== undefined);
    const expiresAt = world.clock.now() + 10 * 60_000;
    const value = { ...stored.value, expiresAt, roles: ['operator'] as const };
    await world.store.commit({ changes: [{ put: 'identity', value }], events: [] });
    const { made, poll } = await ask();
    const path = `/v1/sign-in/codes/${made.code}`;
    const { body: shown } = await browser.call<CodeView>(`GET ${path}`);
    await browser.call(`POST ${path}/confirm`, { body: yes(browser, shown) });
    const { body } = await poll();
    const leaf = new X509Certificate(body.signedIn?.certificate ?? '');
    assert.ok(leaf.validToDate.getTime() <= expiresAt, 'the certificate ends with him');
    assert.deepEqual((await browser.call('GET /v1/whoami')).body['roles'], ['operator']);
    const late = await ask();
    const { body: seen } = await browser.call<CodeView>(`GET /v1/sign-in/codes/${late.made.code}`);
    await browser.call(`POST /v1/sign-in/codes/${late.made.code}/confirm`, { body: yes(browser, seen) });
    const begun = await browser.challenge();
    world.clock.advance(10 * 60_000 - 1);
    world.clock.advance(1);
    assert.equal((await late.poll()).status, 403, 'said yes to before, asked for after');
    assert.equal((await browser.call('GET /v1/whoami')).status, 401, 'the cookie ends with him, too');
    const assertion = browser.authenticator.get(begun);
    assert.equal((await browser.call('POST /v1/passkeys/sign-in', { body: { assertion } })).status, 401);
  });

  test('I1 a passkey over something else, or somebody else’s, lets nobody in', async () => {
    const [ana, bo] = [await enrolled('ana'), await enrolled('bo')];
    const { made, poll } = await ask();
    const path = `/v1/sign-in/codes/${made.code}`;
    const { body: shown } = await ana.call<CodeView>(`GET ${path}`);
    const approval = { assertion: ana.authenticator.get(sha256(signedText('approval', shown.content))) };
    const signIn = { assertion: ana.authenticator.get(await ana.challenge()) };
    for (const body of [approval, signIn, yes(bo, shown)]) {
      assert.equal((await ana.call(`POST ${path}/confirm`, { body })).status, 401);
    }
    assert.deepEqual((await poll()).body, {});
  });

  test('codes that are tried out are stopped; who is locked before the command asks gets nothing', async () => {
    const browser = await enrolled('ana');
    const { made, poll } = await ask();
    const { body: shown } = await browser.call<CodeView>(`GET /v1/sign-in/codes/${made.code}`);
    assert.equal(
      (await browser.call(`POST /v1/sign-in/codes/${made.code}/confirm`, { body: yes(browser, shown) }))
        .status,
      200,
    );
    await world.call(world.admin, 'POST /v1/locks', {
      body: { kind: 'identity', subject: 'ana', reason: 'x' },
    });
    assert.equal((await poll()).status, 403);
    const bo = await enrolled('bo');
    const statuses = new Set<number>();
    for (let n = 0; n <= limits.codeLooksPerIdentityPerMinute; n += 1) {
      statuses.add((await bo.call('GET /v1/sign-in/codes/BBBB-BBBB')).status);
    }
    assert.deepEqual([...statuses], [404, 429]);
  });

  test('it lasts a working day, renewed or not; so does an older sign-in from when there is a passkey', async () => {
    const hour = 3_600_000;
    const renew = async (peer: Peer) => {
      const csr = await createCsr(peer.key);
      const reply = await world.call<{ certificate: string; next: string }>(peer, 'POST /v1/sign-in/renew', {
        body: { csr },
      });
      if (reply.status === 200) peer.certificate = new X509Certificate(reply.body.certificate);
      return reply;
    };
    const invited = await signIn(world, 'ana');
    for (let at = 10; at <= 40; at += 10) {
      world.clock.advance(10 * hour);
      await renew(world.admin);
      assert.equal((await renew(invited)).status, 200, `nothing else would let her in again: ${at} h`);
    }
    const browser = await enrolledBrowser(world, 'ana');
    const over = await renew(invited);
    const next = 'sign in again: sallyport login gate.example.com:7443';
    assert.deepEqual([over.status, over.body.next], [403, next]);

    const began = world.clock.now();
    const key = newKey();
    const { made, poll } = await ask(key);
    const { body: shown } = await browser.call<CodeView>(`GET /v1/sign-in/codes/${made.code}`);
    const body = yes(browser, shown);
    await browser.call(`POST /v1/sign-in/codes/${made.code}/confirm`, { body });
    const { signedIn } = (await poll()).body;
    assert.ok(signedIn !== undefined);
    const letIn: Peer = { ...invited, key, certificate: new X509Certificate(signedIn.certificate) };
    world.clock.advance(10 * hour);
    assert.equal((await renew(letIn)).status, 200);
    assert.equal(letIn.certificate.validToDate.getTime(), began + 16 * hour, 'not twelve hours more');
    world.clock.advance(6 * hour - 1);
    assert.equal((await world.call(letIn, 'GET /v1/whoami')).status, 200);
    world.clock.advance(1_000);
    assert.equal((await world.call(letIn, 'GET /v1/whoami')).status, 401);
  });

  test('where broker.yaml says less than a certificate lasts, the first one is as short', async () => {
    Object.assign(world.ctx.broker, { signInMs: 2 * 3_600_000 });
    const browser = await enrolled('ana');
    const { made, poll } = await ask();
    const { body: shown } = await browser.call<CodeView>(`GET /v1/sign-in/codes/${made.code}`);
    await browser.call(`POST /v1/sign-in/codes/${made.code}/confirm`, { body: yes(browser, shown) });
    const { certificate = '' } = (await poll()).body.signedIn ?? {};
    const { validToDate } = new X509Certificate(certificate);
    assert.equal(validToDate.getTime(), world.clock.now() + 2 * 3_600_000);
  });
});
