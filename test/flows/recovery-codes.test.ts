// Recovery codes: the way back for who lost all his passkeys, with a real verifier and an authenticator in software.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { RecoveryCodes, SignedIn } from '../../src/api/passkeys.ts';
import { restoreStore } from '../../src/authority/backup/restore.ts';
import { limits } from '../../src/core/limits.ts';
import { makeApiWorld, signIn, statuses, type ApiWorld, type Reply } from './api-world.ts';
import { Browser, enrolledBrowser } from './browser.ts';

let world: ApiWorld;
let ana: Browser;
beforeEach(async () => {
  world = await makeApiWorld();
  ana = await enrolledBrowser(world, 'ana', ['operator']);
});
afterEach(async () => await world.close());

const path = 'POST /v1/passkeys/recovery-codes';

async function ask(browser: Browser): Promise<string> {
  return String((await browser.begin(`${path}/begin`))['challenge']);
}

async function make(browser = ana): Promise<readonly string[]> {
  const assertion = browser.authenticator.get(await ask(browser));
  const made = await browser.call<RecoveryCodes>(path, { body: { assertion } });
  assert.equal(made.status, 200, made.text);
  return made.body.codes;
}

async function recover(
  code: string,
  browser = new Browser(world),
): Promise<Reply<SignedIn & { code?: string }>> {
  const begun = await browser.call<{ options?: Record<string, unknown>; code?: string }>(
    'POST /v1/passkeys/recover/begin',
    { body: { code } },
  );
  if (begun.body.options === undefined) return begun as unknown as Reply<SignedIn & { code?: string }>;
  const attestation = browser.authenticator.create(begun.body.options);
  return await browser.call('POST /v1/passkeys/recover', { body: { code, name: 'new phone', attestation } });
}

async function left(browser = ana): Promise<unknown> {
  return (await browser.call('GET /v1/passkeys/recovery-codes')).body['left'];
}

test('ten codes, shown once; each makes one passkey of her who made them, however it is typed', async () => {
  const codes = await make();
  assert.equal(codes.length, 10);
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) assert.match(code, /^[0-9a-hjkmnp-tv-z]{5}(?:-[0-9a-hjkmnp-tv-z]{5}){3}$/);
  assert.equal(await left(), 10);
  const browser = new Browser(world);
  const [first = ''] = codes;
  const back = await recover(
    ` ${first.toUpperCase().replaceAll('-', ' ').replaceAll('0', 'O').replaceAll('1', 'l')}`,
    browser,
  );
  assert.equal(back.status, 200, back.text);
  assert.deepEqual([back.body.name, back.body.roles], ['ana', ['operator']]);
  assert.equal((await browser.call('GET /v1/whoami')).body['name'], 'ana');
  browser.cookie = undefined;
  assert.equal((await browser.signIn()).status, 200, 'the new passkey is hers');
  assert.equal(await left(), 9);
  assert.deepEqual(
    [(await recover(first)).status, (await recover(first)).body.code],
    [401, 'unauthenticated'],
  );
  const [event] = await world.store.events({ types: ['passkey.recovered'] }, { limit: 1 });
  assert.equal(event?.identity, back.body.id);
});

test('the store and the log hold no code', async () => {
  const [code = ''] = await make();
  const kept = await world.store.list('recovery', {});
  const events = await world.store.events({}, { limit: 100 });
  for (const shape of [code, code.replaceAll('-', '')]) {
    assert.ok(!JSON.stringify([kept, events]).includes(shape));
    assert.ok(!world.lines.join('').includes(shape));
  }
});

test('new ones make the ones from before worth nothing', async () => {
  const [old = ''] = await make();
  const [fresh = ''] = await make();
  assert.equal(await left(), 10);
  assert.equal((await recover(old)).status, 401);
  assert.equal((await recover(fresh)).status, 200);
});

test('I1 they are made by the own passkey alone, over a challenge for just that, once', async () => {
  const refused = async (assertion: unknown): Promise<void> => {
    const reply = await ana.call(path, { body: { assertion } });
    assert.deepEqual([reply.status, reply.body['code']], [401, 'unauthenticated'], reply.text);
  };
  await refused(ana.authenticator.get(await ana.challenge()));
  const bo = await enrolledBrowser(world, 'bo', ['operator']);
  await refused(ana.authenticator.get(await ask(bo)));
  await refused(bo.authenticator.get(await ask(ana)));
  await refused(ana.authenticator.get(await ask(ana), undefined, { flags: 0x01 }));
  const assertion = ana.authenticator.get(await ask(ana));
  assert.equal((await ana.call(path, { body: { assertion } })).status, 200);
  await refused(assertion);
  assert.equal(await left(bo), 0);
  const command = await signIn(world, 'cy');
  assert.equal(
    (await world.call(command, `${path}/begin`)).body['code'],
    'forbidden',
    'not by a key in a file',
  );
});

test('I4 begun with one code it is not finished with another; two at once make one passkey', async () => {
  const [one = '', other = ''] = await make();
  const browser = new Browser(world);
  const options = await browser.begin('POST /v1/passkeys/recover/begin', { code: one });
  const attestation = browser.authenticator.create(options);
  const body = { code: other, name: 'x', attestation };
  assert.equal((await browser.call('POST /v1/passkeys/recover', { body })).status, 401);
  const both = await Promise.all([recover(one), recover(one)]);
  assert.deepEqual(statuses(both), [200, 401]);
});

test('who is locked, removed or from before a restore does not come back by one', async () => {
  const codes = await make();
  const lock = { kind: 'identity', subject: 'ana', reason: 'gone' };
  const locked = await world.call<{ lock: { id: string } }>(world.admin, 'POST /v1/locks', { body: lock });
  assert.equal((await recover(codes[0] ?? '')).status, 401);
  await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
  assert.equal((await recover(codes[1] ?? '')).status, 200);
  const bo = await enrolledBrowser(world, 'bo', ['operator']);
  await make(bo);
  assert.equal(await left(bo), 10);
  await world.call(world.admin, 'DELETE /v1/identities/bo');
  assert.equal(await world.store.count('recovery', {}), 9, 'hers alone');
  await restoreStore({ ...world.ctx, store: world.store }, undefined);
  assert.equal(await world.store.count('recovery', {}), 0, 'one that was used since must not be good again');
});

test('who tries codes is stopped', async () => {
  for (let attempt = 0; attempt < limits.passkeyAttemptsPerAddressPerMinute; attempt += 1) {
    assert.equal((await recover(`wrong-${attempt}`)).status, 401);
  }
  assert.equal((await recover('wrong')).body.code, 'rate_limited');
});

test('a passkey that is refused again and again to somebody who is signed in is not looked at any more', async () => {
  for (let n = 0; n < limits.ownTriesPerMinute; n += 1) {
    const assertion = ana.authenticator.get(await ana.challenge());
    assert.equal((await ana.call(path, { body: { assertion } })).status, 401);
  }
  const assertion = ana.authenticator.get(await ask(ana));
  assert.equal((await ana.call(path, { body: { assertion } })).body['code'], 'rate_limited');
  world.clock.advance(60_000);
  await make();
});
