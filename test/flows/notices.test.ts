// People are told outside: by a real mail server over STARTTLS that is verified, and by a real webhook that is signed;
// what is down delays it and holds nothing up.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { readNoticeConfig } from '../../src/authority/notices/config.ts';
import { Notifier } from '../../src/authority/notices/notifier.ts';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { approveRequest } from '../../src/authority/requests/decide-request.ts';
import { fileRequest } from '../../src/authority/requests/file-request.ts';
import type { RequestFiled } from '../../src/api/requests.ts';
import { limits } from '../../src/core/limits.ts';
import { keyId, signStatement } from '../../src/wire/signed.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';
import { inTenant } from '../../src/authority/tenants/in-tenant.ts';
import {
  addDevice,
  addPerson,
  makeWorld,
  settle,
  usePolicy,
  type Person,
  type World,
} from './authority-world.ts';

const policy = `permit (principal in Role::"operator", action == Action::"discover", resource);
@approvers("1") permit (principal in Role::"operator", action == Action::"exec", resource);
permit (principal in Role::"approver", action == Action::"approve", resource);`;

interface Mail {
  readonly to: string;
  readonly isSecure: boolean;
  readonly raw: string;
}

let world: World;
let ana: Person;
let bo: Person;
let folder: string;
let ca: string;
const mails: Mail[] = [];
const posts: { readonly headers: Readonly<Record<string, unknown>>; readonly body: string }[] = [];
let smtp: SMTPServer;
let hook: Server;
let status = 204;
let notifier: Notifier | undefined;

beforeEach(async () => {
  world = await makeWorld(policy);
  ana = await addPerson(world, 'ana');
  bo = await addPerson(world, 'bo', ['approver']);
  await addPerson(world, 'cy', ['approver']);
  await addDevice(world, 'pump-7');
  folder = await mkdtemp(join(tmpdir(), 'sallyport-notices-'));
  const pki = await makePki(Date.now());
  const leaf = await makeLeaf(pki.issuing, 'authority', { now: Date.now() });
  const [key, cert] = [privatePem(leaf.privateKey), leaf.chainPem];
  ca = pki.root.certificatePem;
  mails.length = 0;
  posts.length = 0;
  status = 204;
  smtp = new SMTPServer({
    key,
    cert,
    authOptional: true,
    onData(stream, session, done) {
      const to = session.envelope.rcptTo.map(({ address }) => address).join();
      const keep = async (): Promise<void> => {
        // Quoted-printable (RFC 2045) breaks lines and writes "=" as "=3D".
        const raw = (await text(stream)).replaceAll('=\r\n', '').replaceAll('=3D', '=');
        mails.push({ to, isSecure: session.secure, raw });
      };
      void keep().finally(() => setImmediate(done));
    },
  });
  smtp.on('error', () => undefined);
  await new Promise<void>((resolve) => void smtp.listen(0, '127.0.0.1', () => resolve()));
  hook = createServer({ key, cert }, (request, response) => {
    void text(request).then((body) => {
      posts.push({ headers: request.headers, body });
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => void hook.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await notifier?.stop();
  notifier = undefined;
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  hook.closeAllConnections();
  await new Promise((resolve) => void hook.close(resolve));
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

async function start(changes: { readonly mailPort?: number; readonly caFile?: string } = {}): Promise<void> {
  await writeFile(join(folder, 'ca.pem'), ca);
  await writeFile(join(folder, 'hook.secret'), 's'.repeat(40), { mode: 0o600 });
  const yaml = `
webhooks:
  chat: {url: "https://127.0.0.1:${portOf(hook)}/hooks/x", secretFile: ${join(folder, 'hook.secret')}}
mail: {server: "127.0.0.1:${changes.mailPort ?? portOf(smtp.server)}", from: sallyport@example.com}
addresses: {ana: ana@example.com, bo: bo@example.com, acme/bo: bo@acme.example}
${changes.caFile ?? `caFile: ${join(folder, 'ca.pem')}`}
`;
  await writeFile(join(folder, 'notifications.yaml'), yaml, { mode: 0o600 });
  const config = await readNoticeConfig(folder);
  assert.ok(config !== undefined);
  notifier = await Notifier.start(world.ctx, config);
}

function as(person: Person): Operator {
  return { ...person.caller, identity: person.identity };
}

async function ask(): Promise<RequestFiled> {
  return await fileRequest(world.ctx, as(ana), {
    target: 'pump-7',
    forMs: 60_000,
    reason: 'valve',
  });
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isSo()) return;
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail('it did not come about');
}

test('a request tells who may approve it, and its outcome who asked: by mail over TLS, and signed to the webhook', async () => {
  await start();
  const { id, digest } = await ask();
  await until(() => mails.length === 1 && posts.length === 1);
  const [mail] = mails;
  assert.deepEqual([mail?.to, mail?.isSecure], ['bo@example.com', true], 'cy has no address, ana asked');
  assert.match(mail?.raw ?? '', /^Subject: \[Sallyport\] ana asks for pump-7\r$/m);
  assert.ok(mail?.raw.includes(`https://gate.example.com:7443/requests/${id}`));
  const [post] = posts;
  const { headers = {}, body = '' } = post ?? {};
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const mac = createHmac('sha256', 's'.repeat(40)).update(signed).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${mac}`);
  assert.equal((JSON.parse(body) as { type: string }).type, 'request.created');

  const spki = bo.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
  const signer = { kid: keyId(bo.publicKey), privateKey: bo.key };
  const statement = signStatement('approval', { request: id, digest, spki }, signer);
  await approveRequest(world.ctx, as(bo), { id, proof: { statement } });
  await until(() => mails.length === 2);
  assert.equal(mails[1]?.to, 'ana@example.com');
  assert.match(mails[1]?.raw ?? '', /is approved by bo/);
  await until(async () => (await world.store.count('notice', {})) === 0);
});

test('R-071 what happens in a tenant is told to its own people, by their own addresses, and to no webhook', async () => {
  await start();
  const eve = await addPerson(world, 'eve', ['operator'], 'acme');
  await addPerson(world, 'bo', ['approver'], 'acme');
  await addDevice(world, 'pump-7', 'lyon', 'acme');
  usePolicy(world, policy, 'acme');
  const body = { target: 'pump-7', forMs: 60_000, reason: 'of acme' };
  const filed = await fileRequest(inTenant(world.ctx, 'acme'), as(eve), body);
  assert.deepEqual(filed.approvers, ['bo']);
  await until(() => mails.length === 1);
  assert.equal(mails[0]?.to, 'bo@acme.example');
  // What comes afterwards is told, so what did not come before does not come.
  await ask();
  await until(() => mails.length === 2 && posts.length === 1);
  assert.equal(mails[1]?.to, 'bo@example.com');
  assert.doesNotMatch(posts[0]?.body ?? '', /of acme/);
});

test('a mail server that is down: queued, shown, tried again, and nothing waits for it', async () => {
  await start({ mailPort: 1 });
  await ask();
  await until(() => posts.length === 1);
  await until(async () => (await world.store.list('notice', {})).items[0]?.value.lastError !== undefined);
  const [kept] = (await world.store.list('notice', {})).items;
  assert.match(kept?.value.lastError ?? '', /ECONNREFUSED/);
  assert.equal(kept?.value.attempts, 1);
  await notifier?.stop();
  await start();
  world.clock.advance(limits.noticeRetryMs + limits.noticeRoundMs);
  await until(() => mails.length === 1);
  assert.equal(mails[0]?.to, 'bo@example.com', 'after a restart, from the store');
  assert.equal(posts.length, 1, 'what was told is not told again');
});

test('a certificate that nobody vouches for is told nothing, nor is a redirect followed', async () => {
  await start({ caFile: '#' });
  await ask();
  await until(async () => {
    const { items } = await world.store.list('notice', {});
    return items.length === 2 && items.every(({ value }) => value.lastError !== undefined);
  });
  assert.equal(mails.length + posts.length, 0);
  await notifier?.stop();
  status = 302;
  await start();
  world.clock.advance(limits.noticeRetryMs + limits.noticeRoundMs);
  await until(() => posts.length === 1);
  await until(
    async () => (await world.store.list('notice', {})).items[0]?.value.lastError?.includes('302') === true,
  );
  assert.equal(posts.length, 1);
});

test('what nobody takes for a day is given up, and the log says so', async () => {
  status = 500;
  await start();
  await ask();
  await until(async () =>
    (await world.store.list('notice', {})).items.some(({ value }) => value.attempts > 0),
  );
  world.clock.advance(limits.noticeLifeMs);
  await until(async () => {
    // Whenever the next round comes.
    world.clock.advance(limits.noticeRoundMs);
    return (await world.store.events({ types: ['notice.failed'] }, { limit: 1 })).length === 1;
  });
  await until(async () => (await world.store.count('notice', {})) === 0);
});

test('a file that cannot be meant is refused in words', async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['webhooks: {a: {url: "http://x.example", secretFile: y}}', /"webhooks.a.url"/],
    ['mail: {server: nowhere, from: a@b.c}', /HOST:PORT/],
    ['addresses: {ana: a@b.c}', /no "mail"/],
    ['mail: {server: "a:25", from: "a@b.c, d@e.f"}', /mail address/],
    ['webhook: {}', /notifications.yaml/],
    ['caFile: /nowhere.pem', /notifications.yaml" names a "caFile" that is of no use: .*nowhere/],
  ];
  for (const [yaml, words] of wrong) {
    await writeFile(join(folder, 'notifications.yaml'), yaml);
    await assert.rejects(readNoticeConfig(folder), words);
  }
});
