// What the broker makes of a device that offline keys open on site (R-053, I18): its no when it is asked, and the record
// of what a device did alone.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { BreakGlassView } from '../../src/api/break-glass.ts';
import { compose } from '../../src/authority/notices/compose.ts';
import { lockUnreviewed } from '../../src/authority/break-glass/uses.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';
import { breakGlassId } from '../../src/wire/break-glass.ts';
import { onSitePayload, type OnSiteReport } from '../../src/wire/on-site.ts';
import { keyId, signStatement, type Purpose } from '../../src/wire/signed.ts';
import { offlineKey, onSiteText, type Offline } from '../doubles/offline-key.ts';
import { join, makeApiWorld, renewal, signIn, type ApiWorld, type Peer, type Reply } from './api-world.ts';

let world: ApiWorld;
let device: Peer;
let ana: Peer;
let one: Offline;
let two: Offline;
beforeEach(async () => {
  world = await makeApiWorld('permit (principal in Role::"auditor", action, resource);');
  device = await join(world, 'pump-7');
  ana = await signIn(world, 'ana');
  [one, two] = [offlineKey(), offlineKey()];
  await setKeys([one, two]);
});
afterEach(async () => {
  await world.close();
});

async function setKeys(offline: readonly Offline[]): Promise<void> {
  const keys = offline.map(({ key }, n) => ({ name: `key-${n}`, key }));
  const set = await world.call(world.admin, 'POST /v1/break-glass/keys', { body: { need: 2, keys } });
  assert.equal(set.status, 200, set.text);
}

function sealed(changes: JsonObject = {}): string {
  return onSiteText(world.clock.now(), changes);
}

type Answer = Reply<{ readonly code: string; readonly title: string }>;

async function ask(content: string, signers = [one, two], peer = device): Promise<Answer> {
  const signatures = signers.map(({ sign }) => sign(content));
  return await world.call(peer, 'POST /v1/device/break-glass', { body: { content, signatures } });
}

function reportOf(content: string, signers = [one, two], changes: Partial<OnSiteReport> = {}): OnSiteReport {
  return {
    device: device.id,
    content,
    signatures: signers.map(({ sign }) => sign(content)),
    session: 'ses_1',
    openedAt: world.clock.now(),
    wasAsked: false,
    ...changes,
  };
}

async function report(said: OnSiteReport, peer = device, purpose: Purpose = 'onsite'): Promise<Answer> {
  const signer = { kid: keyId(peer.certificate.publicKey), privateKey: peer.key };
  return await world.call(peer, 'POST /v1/device/break-glass/reports', {
    body: { report: signStatement(purpose, onSitePayload(said), signer) },
  });
}

const ended = { at: 1_000, cause: 'exit', processesLeft: 0, sha256: 'x'.repeat(43), bytes: 7 } as const;

async function uses(): Promise<readonly BreakGlassView[]> {
  const { body } = await world.call<{ items: BreakGlassView[] }>(world.admin, 'GET /v1/break-glass');
  return body.items;
}

test('S-11 it agrees, once; its use is on the record, everybody is told, and it has an end', async () => {
  const content = sealed();
  assert.equal((await ask(content)).status, 200);
  const [use] = await uses();
  assert.deepEqual([use?.id, use?.who, use?.signers], [breakGlassId(content), 'ana', ['key-0', 'key-1']]);
  const { alarms } = (await world.call<{ alarms: string[] }>(world.admin, 'GET /v1/whoami')).body;
  assert.match(alarms.join(), /^break-glass was used by ana on site, at pump-7 at /);
  const [opened] = await world.store.events({ types: ['breakglass.opened'] }, { limit: 1 });
  assert.ok(opened !== undefined);
  const told = await compose(world.ctx, opened);
  assert.deepEqual([told?.subject, told?.people], ['Break-glass was used by ana', 'everybody']);
  assert.match(
    told?.text ?? '',
    /^ana used break-glass on site, at pump-7, at \S+Z\. Somebody else reviews it/,
  );
  assert.match((await ask(content)).body.title, /was used before/);
  assert.equal((await report(reportOf(content, [one, two], { wasAsked: true, ended }))).status, 200);
  assert.equal((await report(reportOf(content, [one, two], { wasAsked: true, ended }))).status, 200, 'again');
  const [after] = await uses();
  assert.deepEqual(after?.onSite, {
    wasAsked: true,
    endedAt: new Date(1_000).toISOString(),
    cause: 'exit',
    recording: { sha256: ended.sha256, bytes: 7 },
  });
  const events = await world.store.events({ types: ['breakglass.opened', 'breakglass.ended'] }, { limit: 9 });
  assert.deepEqual(
    events.map(({ type, identity, device: on }) => [type, identity, on]),
    [
      ['breakglass.opened', ana.id, device.id],
      ['breakglass.ended', ana.id, device.id],
    ],
  );
});

test('I18 too few keys, another device, one that is over, locked or held: no, and on the log', async () => {
  const other = await join(world, 'pump-8');
  const no = async (pattern: RegExp, ...args: Parameters<typeof ask>) => {
    const { status, body } = await ask(...args);
    assert.deepEqual([status, body.code], [403, 'denied']);
    assert.match(body.title, pattern);
  };
  await no(/1 of the offline keys signed it, and it takes 2/, sealed(), [one, one]);
  await no(/1 of the offline keys/, sealed(), [one, offlineKey()]);
  await no(/for another device/, sealed(), [one, two], other);
  await no(/expired/, sealed({ notAfter: world.clock.now() }));
  await no(
    /in the future/,
    sealed({ madeAt: world.clock.now() + 3_600_000, notAfter: world.clock.now() + 4_000_000 }),
  );
  await no(/another broker/, sealed({ trustDomain: 'example.org' }));
  await no(/no sealed request/, '{}');
  await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'identity', subject: 'ana', reason: 'left' },
  });
  await no(/a lock stands, and break-glass does not lift it: left/, sealed());
  const refused = await world.store.events({ types: ['breakglass.refused'] }, { limit: 99 });
  assert.equal(refused.length, 8);
  assert.deepEqual(await uses(), []);
  await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'device', subject: 'pump-8', reason: 'x' },
  });
  assert.equal((await ask(sealed({ device: 'pump-8' }), [one, two], other)).body.code, 'locked');
});

test('a device that is held until a person accepts it opens for no keys', async () => {
  const stored = await world.store.get('device', device.id);
  assert.ok(stored !== undefined);
  const held = { ...stored.value, hold: { why: 'pending', since: 1 } } as const;
  await world.store.commit({ changes: [{ put: 'device', value: held }], events: [] });
  assert.match((await ask(sealed())).body.title, /held until a person accepts it/);
});

test('what a device did alone is on the record when it comes back, and reviewed like any other', async () => {
  const content = sealed();
  assert.equal((await report(reportOf(content))).status, 200);
  const [use] = await uses();
  assert.deepEqual([use?.who, use?.identity?.name, use?.onSite], ['ana', 'ana', { wasAsked: false }]);
  assert.equal((await report(reportOf(content, [one, two], { ended }))).status, 200);
  assert.equal((await uses())[0]?.onSite?.cause, 'exit');
  world.clock.advance(limits.breakGlassReviewMs);
  await lockUnreviewed(world.ctx);
  assert.deepEqual(world.ctx.locks.all()[0]?.selector, { kind: 'identity', id: ana.id });
});

test('I18 keys that the broker does not know vouch for nobody: the device is locked, not whom it names', async () => {
  const own = [offlineKey(), offlineKey()];
  assert.equal((await report(reportOf(sealed(), own))).status, 200);
  const [use] = await uses();
  assert.deepEqual([use?.who, use?.identity, use?.signers], ['ana', undefined, []]);
  world.clock.advance(limits.breakGlassReviewMs);
  await lockUnreviewed(world.ctx);
  assert.deepEqual(world.ctx.locks.all()[0]?.selector, { kind: 'device', id: device.id });
});

test('what is open stands until a lock comes, on who was let in or on the device', async () => {
  const content = sealed();
  assert.equal((await ask(content)).status, 200);
  const stands = async (id = breakGlassId(content), peer = device) =>
    (await world.call<{ stands: boolean; code?: string }>(peer, `GET /v1/device/break-glass/${id}`)).body;
  assert.deepEqual(await stands(), { stands: true });
  assert.deepEqual(
    await stands('brk_unknown'),
    { stands: true },
    'of what is not on the record nothing is known',
  );
  const other = await join(world, 'pump-8');
  const lock = async (kind: string, subject: string) =>
    await world.call<{ lock: { id: string } }>(world.admin, 'POST /v1/locks', {
      body: { kind, subject, reason: 'x' },
    });
  const { body } = await lock('identity', 'ana');
  assert.deepEqual(await stands(), { stands: false });
  assert.deepEqual(
    await stands(breakGlassId(content), other),
    { stands: true },
    "another device's is not told",
  );
  await world.call(world.admin, `DELETE /v1/locks/${body.lock.id}`);
  await lock('device', 'pump-7');
  assert.equal((await stands()).code, 'locked');
});

test('a locked device still owes its word', async () => {
  await world.call(world.admin, 'POST /v1/locks', {
    body: { kind: 'device', subject: 'pump-7', reason: 'x' },
  });
  assert.equal((await ask(sealed())).body.code, 'locked');
  assert.equal((await report(reportOf(sealed(), [one, two], { ended }))).status, 200);
  assert.equal((await uses())[0]?.onSite?.cause, 'exit');
});

test('a report that another device signed, or that says another thing, is none', async () => {
  const other = await join(world, 'pump-8');
  const content = sealed();
  assert.equal(
    (await report(reportOf(content), other)).body.code,
    'invalid',
    'signed by pump-8 about pump-7',
  );
  assert.equal((await report(reportOf(content), device, 'receipt')).body.code, 'invalid');
  assert.equal((await report(reportOf('{}'))).body.code, 'invalid');
  await report(reportOf(content));
  const foreign = reportOf(content, [one, two], { device: other.id, ended });
  assert.equal((await report(foreign, other)).status, 200);
  assert.equal((await uses())[0]?.onSite?.cause, undefined, 'its end is for the device that it is on');
});

test('a device that says a lot of things is stopped, and says the rest later', async () => {
  for (let n = 0; n < limits.ownTriesPerMinute; n += 1)
    assert.equal((await report(reportOf(sealed()))).status, 200);
  assert.equal((await report(reportOf(sealed()))).body.code, 'rate_limited');
  assert.equal((await uses()).length, limits.ownTriesPerMinute);
  world.clock.advance(60_000);
  assert.equal((await report(reportOf(sealed()))).status, 200);
});

test('the keys come with joining and with each renewal, to devices of the owner alone', async () => {
  const late = await join(world, 'pump-8');
  const spkis = (body: unknown) => (body as { readonly breakGlass?: unknown }).breakGlass;
  const both = { need: 2, keys: [one, two].map(({ key }, n) => ({ name: `key-${n}`, spki: key })) };
  assert.deepEqual(spkis(late.redeemed), both);
  const three = offlineKey();
  await setKeys([one, two, three]);
  const { renewal: first } = late.redeemed;
  assert.ok(first !== undefined);
  const request = await renewal(late, { n: first.n, secret: first.secret, nextSecret: 'next' });
  const renewed = await world.call(late, 'POST /v1/device/credentials/renew', { body: { request } });
  assert.deepEqual(spkis(renewed.body), {
    need: 2,
    keys: [...both.keys, { name: 'key-2', spki: three.key }],
  });
  const stored = await world.store.get('device', late.id);
  assert.ok(stored !== undefined);
  await world.store.commit({
    changes: [{ put: 'device', value: { ...stored.value, tenant: 'acme' } }],
    events: [],
  });
  const again = await world.call(late, 'POST /v1/device/credentials/renew', { body: { request } });
  assert.equal(again.status, 200, again.text);
  assert.equal(spkis(again.body), undefined);
  assert.match(
    (await ask(sealed({ device: 'pump-8' }), [one, two], late)).body.title,
    /those of the broker's owner/,
  );
});
