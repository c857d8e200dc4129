// Guests from vendors (R-093, S-04): never without sponsor, purpose and end; a tier of their own; "done" ends it all.
// And locks that select a firm, a role or a ticket.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { Invited } from '../../src/api/enrollments.ts';
import type { IdentityView, Locked } from '../../src/api/nouns.ts';
import type { RequestView } from '../../src/api/requests.ts';
import type { SessionOpened } from '../../src/api/sessions.ts';
import { addDevice } from './authority-world.ts';
import {
  makeApiWorld,
  newKey,
  redeem,
  redeemAs,
  signIn,
  type ApiWorld,
  type Peer,
  type Reply,
} from './api-world.ts';
import { Browser } from './browser.ts';

const policy = `
@id("see") permit (principal, action == Action::"discover", resource);
@id("house") permit (principal in Role::"operator", action == Action::"exec", resource);
@id("guests") @maxSession("8h")
permit (principal in Role::"vendor", action == Action::"exec", resource)
when { principal has vendor && principal.vendor == "acme" && principal has purpose && principal.purpose like "pump *" };
@id("guests-ask") @approvers("1") permit (principal in Role::"vendor", action == Action::"shell", resource);
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);
`;
const hour = 3_600_000;

let world: ApiWorld;
let ana: Peer;
beforeEach(async () => {
  world = await makeApiWorld(policy);
  await addDevice(world, 'pump-7');
  ana = await signIn(world, 'ana');
});
afterEach(async () => await world.close());

const acme = { firm: 'acme', sponsor: 'ana', purpose: 'pump firmware', forMs: 4 * hour };

async function inviteGuest(name = 'jo-acme', more: object = {}, extra: object = {}): Promise<Reply<Invited>> {
  const body = { name, vendor: { ...acme, ...more }, ...extra };
  return await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body });
}

async function guest(name = 'jo-acme'): Promise<Peer> {
  const invited = await inviteGuest(name);
  assert.equal(invited.status, 200, invited.text);
  return await redeemAs(world, invited.body.token);
}

async function open(peer: Peer, more: object = {}): Promise<Reply<SessionOpened & { code: string }>> {
  const params = { kind: 'exec', argv: ['true'], env: {} };
  return await world.call(peer, 'POST /v1/sessions', { body: { target: 'pump-7', params, ...more } });
}

async function endOf(opened: Reply<SessionOpened>): Promise<readonly unknown[]> {
  assert.equal(opened.status, 200, opened.text);
  const session = (await world.store.get('session', opened.body.session.id))?.value;
  return [session?.state, session?.endReason];
}

async function lock(kind: string, subject: string): Promise<Reply<Locked & { code: string }>> {
  return await world.call(world.admin, 'POST /v1/locks', { body: { kind, subject, reason: 'enough' } });
}

async function done(peer: Peer, name?: string): Promise<Reply> {
  return await world.call(peer, 'POST /v1/vendors/done', { body: name === undefined ? {} : { name } });
}

suite('guests from vendors', () => {
  test('R-093 nobody comes from a vendor without sponsor, purpose and end, or with another role', async () => {
    const refused = async (reply: Promise<Reply<unknown>>, words: RegExp): Promise<void> => {
      const { status, text } = await reply;
      assert.ok(status === 400 || status === 403 || status === 404, text);
      assert.match(text, words);
    };
    for (const part of ['firm', 'sponsor', 'purpose', 'forMs']) {
      await refused(inviteGuest('jo', { [part]: undefined }), new RegExp(part));
    }
    await refused(inviteGuest('jo', { forMs: 91 * 24 * hour }), /90d at most/);
    await refused(inviteGuest('jo', { sponsor: 'nobody' }), /no identity/);
    await refused(inviteGuest('jo', {}, { roles: ['operator'] }), /role vendor and no other/);
    const plain = { name: 'jo', roles: ['vendor'] };
    await refused(
      world.call(world.admin, 'POST /v1/identities/invitations', { body: plain }),
      /needs a firm, a sponsor/,
    );
    const jo = await guest();
    for (const role of ['operator', 'approver', 'administrator']) {
      const body = { identity: 'jo-acme', role };
      await refused(world.call(world.admin, 'POST /v1/roles/grant', { body }), /nobody's besides/);
    }
    for (const [name, firm] of [
      ['jo-acme', 'evil'],
      ['ana', 'acme'],
    ] as const) {
      const taken = await inviteGuest(name, { firm });
      assert.deepEqual([taken.status, (taken.body as { code?: string }).code], [409, 'conflict'], taken.text);
    }
    const body = { identity: 'ana', role: 'vendor' };
    await refused(world.call(world.admin, 'POST /v1/roles/grant', { body }), /nobody's besides/);
    await refused(inviteGuest('mo-acme', { sponsor: jo.name }), /cannot be a sponsor/);
    const machine = {
      name: 'acme-bot',
      kind: 'machine',
      purpose: 'pump care',
      forMs: hour,
      vendor: 'acme',
      oidc: { issuer: 'https://id.example.com', claims: { sub: 'x' } },
    };
    const add = async (more: object): Promise<Reply<IdentityView>> =>
      await world.call(world.admin, 'POST /v1/workloads', { body: { ...machine, ...more } });
    await refused(add({ owner: 'jo-acme' }), /cannot be a sponsor/);
    await refused(add({ owner: 'ana', roles: ['operator'] }), /role vendor and no other/);
    await refused(add({ owner: 'ana', vendor: undefined, roles: ['vendor'] }), /needs a firm/);
    const added = await add({ owner: 'ana' });
    assert.deepEqual(
      [added.body.vendor, added.body.roles, added.body.owner?.name],
      ['acme', ['vendor'], 'ana'],
    );
  });

  test('policies for the house are not for guests; theirs read firm, sponsor and purpose', async () => {
    const opened = await open(await guest());
    assert.equal(opened.status, 200, opened.text);
    const session = (await world.store.get('session', opened.body.session.id))?.value;
    assert.deepEqual([session?.policies, session?.vendor], [['guests'], 'acme']);
    assert.ok((session?.mustEndAt ?? Infinity) <= world.clock.now() + 4 * hour, 'ends with him');
    const other = await inviteGuest('mo', { firm: 'evil' });
    assert.equal((await open(await redeemAs(world, other.body.token))).body.code, 'denied');
    const listed = await world.call<{ items: unknown[] }>(world.admin, 'GET /v1/sessions?vendor=acme');
    assert.equal(listed.body.items.length, 1);
    const none = await world.call<{ items: unknown[] }>(world.admin, 'GET /v1/sessions?vendor=evil');
    assert.equal(none.body.items.length, 0);
  });

  test('S-04 "done" cuts what is open and ends keys, passkeys, requests and invites; nothing of it comes back', async () => {
    const jo = await guest();
    await signIn(world, 'bo', ['approver']);
    const browser = new Browser(world);
    assert.equal((await browser.enroll((await inviteGuest()).body.token)).status, 200);
    const opened = await open(jo);
    const shell = { target: 'pump-7', actions: ['shell'], forMs: hour, reason: 'a look' };
    const asked = await world.call<RequestView>(jo, 'POST /v1/requests', { body: shell });
    assert.equal(asked.status, 200, asked.text);
    const left = await inviteGuest();
    assert.equal((await done(jo)).status, 200);
    assert.deepEqual(await endOf(opened), ['closed', 'operator_gone']);
    assert.equal((await open(jo)).status, 401);
    assert.equal((await world.call(jo, 'GET /v1/whoami')).status, 401);
    assert.equal((await browser.call('GET /v1/whoami')).status, 401);
    assert.equal((await browser.signIn()).status, 401);
    assert.equal((await world.store.get('request', asked.body.id))?.value.state, 'cancelled');
    const late = await redeem(world, left.body.token);
    assert.deepEqual([late.status, late.body['code']], [403, 'token_refused']);
    const [event] = await world.store.events({ types: ['vendor.done'] }, { limit: 1 });
    assert.deepEqual([event?.identity, event?.body['vendor']], [jo.id, 'acme']);
    const again = await guest();
    assert.equal(again.id, jo.id, 'the same person, with another key and another end');
    assert.equal((await open(again)).status, 200);
    assert.equal((await open(jo)).status, 401, 'the old key stays worth nothing');
    assert.equal((await browser.signIn()).status, 401, 'and the old passkey');
  });

  test('his sponsor and administrators end it for him, nobody else; people of the house have nothing to be done', async () => {
    const jo = await guest();
    const bo = await signIn(world, 'bo');
    assert.deepEqual((await done(bo, 'jo-acme')).body['code'], 'forbidden');
    assert.deepEqual((await done(bo)).body['code'], 'invalid');
    assert.deepEqual((await done(jo, 'ana')).body['code'], 'invalid');
    assert.equal((await done(ana, 'jo-acme')).status, 200);
    assert.equal((await open(jo)).status, 401);
    const ko = await guest('ko-acme');
    assert.equal((await done(world.admin, 'ko-acme')).status, 200);
    assert.equal((await open(ko)).status, 401);
  });

  test('a lock on the sponsor cuts his guests; when the sponsor goes, they pass on or are locked', async () => {
    const jo = await guest();
    const opened = await open(jo);
    const locked = await lock('identity', 'ana');
    assert.deepEqual(await endOf(opened), ['closed', 'lock']);
    assert.equal((await open(jo)).body.code, 'locked');
    await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
    assert.equal((await open(jo)).status, 200);
    const removed = await world.call(world.admin, 'DELETE /v1/identities/ana');
    assert.match(removed.text, /answers for .*jo-acme/);
    await signIn(world, 'bo');
    await guest('ko-acme');
    const toGuest = await world.call(world.admin, 'DELETE /v1/identities/ana?newOwner=ko-acme');
    assert.match(toGuest.text, /owners are people who stay/, 'R-093 no guest answers for a guest');
    assert.equal((await world.call(world.admin, 'DELETE /v1/identities/ana?newOwner=bo')).status, 200);
    const shown = await world.call<IdentityView>(world.admin, 'GET /v1/identities/jo-acme');
    assert.equal(shown.body.owner?.name, 'bo');
  });

  test('R-093 no guest, and no machine, answers for a device, a service or a machine of this house', async () => {
    await guest();
    const key = newKey();
    const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
    const machine = { kind: 'machine', purpose: 'x', forMs: hour, key: pem };
    const bot = { ...machine, name: 'bot', owner: 'ana' };
    assert.equal((await world.call(world.admin, 'POST /v1/workloads', { body: bot })).status, 200);
    const reviewBy = new Date(world.clock.now() + hour).toISOString();
    const service = {
      device: 'pump-7',
      name: 'db',
      host: '127.0.0.1',
      port: 5_432,
      class: 'workload',
      reviewBy,
    };
    for (const [request, body] of [
      ['POST /v1/devices/invitations', { name: 'pump-9' }],
      ['POST /v1/services', service],
      ['POST /v1/workloads', { ...machine, name: 'ci' }],
    ] as const) {
      for (const owner of ['jo-acme', 'bot']) {
        const refused = await world.call(world.admin, request, { body: { ...body, owner } });
        assert.match(
          refused.text,
          /cannot be an owner: owners are people of this house/,
          `${request} ${owner}`,
        );
      }
      assert.equal((await world.call(world.admin, request, { body: { ...body, owner: 'ana' } })).status, 200);
    }
  });

  test('whose time is over is nobody, and an invite from before does not bring him back', async () => {
    const jo = await guest();
    const late = await inviteGuest('jo-acme', { forMs: hour / 2 });
    world.clock.advance(hour / 2);
    assert.equal((await open(jo)).status, 401);
    await assert.rejects(redeemAs(world, late.body.token), /token/);
  });
});

suite('what somebody should look at', () => {
  async function look(query = ''): Promise<Readonly<Record<string, readonly string[]>>> {
    const { body } = await world.call<{ items: IdentityView[] }>(world.admin, `GET /v1/identities${query}`);
    return Object.fromEntries(body.items.map(({ name, findings }) => [name, findings]));
  }

  test('R-021 R-024 R-025 near its end, unused, nobody answers, an old key', async () => {
    await guest();
    assert.deepEqual(await look('?findings=true'), { 'jo-acme': ['ends in 4h'] });
    assert.deepEqual(Object.keys(await look('?vendor=acme')), ['jo-acme']);
    await lock('identity', 'ana');
    assert.deepEqual((await look())['jo-acme'], ['ends in 4h', 'who answers for it is locked']);
    const key = `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----`;
    const body = { name: 'ci', kind: 'machine', owner: 'ana', purpose: 'x', forMs: 100 * 24 * hour, key };
    assert.equal((await world.call(world.admin, 'POST /v1/workloads', { body })).status, 200);
    world.clock.advance(91 * 24 * hour);
    await world.store.commit({ changes: [{ delete: 'identity', id: ana.id }], events: [] });
    // Nobody is signed in any more after so long: the book is read as the api would.
    const { viewIdentity } = await import('../../src/authority/admin/identity-view.ts');
    const view = async (name: string): Promise<readonly string[]> => {
      const stored = await world.store.find('identity', { name });
      assert.ok(stored !== undefined);
      return (await viewIdentity(world.ctx, stored.value)).findings;
    };
    assert.deepEqual(await view('jo-acme'), ['expired', 'unused for 91d', 'who answers for it is gone']);
    assert.deepEqual(await view('ci'), [
      'ends in 9d',
      'unused for 91d',
      'who answers for it is gone',
      'its key is 91d old',
    ]);
  });
});

suite('locks on a firm, a role, a ticket', () => {
  test('a lock on a firm cuts everybody from it, and nobody else', async () => {
    const [jo, ko] = [await guest(), await guest('ko-acme')];
    const all = [await open(jo), await open(ko), await open(ana)];
    const locked = await lock('vendor', 'acme');
    assert.equal(locked.body.cut.length, 2);
    assert.deepEqual(await Promise.all(all.map(endOf)), [
      ['closed', 'lock'],
      ['closed', 'lock'],
      ['issued', undefined],
    ]);
    assert.equal((await open(jo)).body.code, 'locked');
    assert.equal((await open(ana)).status, 200);
    await world.call(world.admin, `DELETE /v1/locks/${locked.body.lock.id}`);
    assert.equal((await open(jo)).status, 200);
  });

  test('a lock on a role cuts who has it, also who gets it later', async () => {
    const opened = await open(ana);
    const jo = await guest();
    const locked = await lock('role', 'operator');
    assert.deepEqual(await endOf(opened), ['closed', 'lock']);
    assert.equal((await open(ana)).body.code, 'locked');
    assert.equal((await open(jo)).status, 200);
    const bo = await signIn(world, 'bo', []);
    const grant = { body: { identity: 'bo', role: 'operator' } };
    assert.equal((await world.call(world.admin, 'POST /v1/roles/grant', grant)).status, 200);
    assert.equal((await open(bo)).body.code, 'locked');
    assert.equal(locked.body.lock.subject.name, 'operator');
    assert.equal((await lock('role', 'administrator')).body.code, 'conflict', 'that would be oneself');
    assert.equal((await lock('role', 'king')).body.code, 'invalid');
  });

  test('a lock on a ticket cuts what names it, and refuses it to sessions and requests', async () => {
    const opened = await open(ana, { ticket: 'CHG-1' });
    const other = await open(ana, { ticket: 'CHG-2' });
    await lock('ticket', 'CHG-1');
    assert.deepEqual(await endOf(opened), ['closed', 'lock']);
    assert.deepEqual(await endOf(other), ['issued', undefined]);
    assert.equal((await open(ana, { ticket: 'CHG-1' })).body.code, 'locked');
    assert.equal((await open(ana)).status, 200);
    assert.equal((await lock('ticket', 'no ticket!')).body.code, 'invalid');
  });
});
