// The api's two doors with real sockets: PROXY line, TLS 1.3, client certificates, deadlines.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as netConnect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { buildApi, type Api } from '../../src/authority/api/server.ts';
import { listenApi, type ApiListener } from '../../src/authority/api/listen.ts';
import type { AuthorityContext } from '../../src/authority/context.ts';
import { createFirstInvite } from '../../src/authority/enroll/first-invite.ts';
import { GateBook } from '../../src/authority/gates/gate-book.ts';
import { loadOrCreateAuthorityKeys } from '../../src/authority/pki/authority-keys.ts';
import { renewServerIdentity, type ServerIdentity } from '../../src/authority/pki/server-identity.ts';
import { issueLeaf } from '../../src/authority/pki/leaf.ts';
import { PolicyBook } from '../../src/authority/policy/policy-book.ts';
import { LiveSessions } from '../../src/authority/sessions/live-sessions.ts';
import { StepUps } from '../../src/authority/passkeys/step-ups.ts';
import { TicketBook } from '../../src/authority/tickets/ticket-book.ts';
import { LastYes } from '../../src/authority/passkeys/last-yes.ts';
import { OwnTries } from '../../src/authority/api/own-tries.ts';
import { TicketLookUps } from '../../src/authority/tickets/look-up.ts';
import { WindowBook } from '../../src/authority/windows/window-book.ts';
import { LockBook } from '../../src/authority/sessions/lock-book.ts';
import { openMemoryStore } from '../../src/authority/store/memory-store.ts';
import { limits } from '../../src/core/limits.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { serverKindCheck } from '../../src/wire/tls-peer.ts';
import { makeLeaf, makeLeafSigned, makePki } from './pki-fixture.ts';

const trustDomain = 'gate.example.com';
const dir = mkdtempSync(join(tmpdir(), 'sallyport-api-'));
// TLS reads the wall clock, timers are moved by hand.
const clock = new ManualClock({ now: Date.now() });

let ctx: AuthorityContext;
let api: Api;
let listener: ApiListener;
let identity: ServerIdentity;
let me: { readonly key: string; readonly cert: string };

before(async () => {
  const base = { clock, random: systemRandom };
  const pki = await loadOrCreateAuthorityKeys({ ...base, dir: join(dir, 'keys'), trustDomain, env: 'prod' });
  ctx = {
    get whole() {
      return ctx;
    },
    ...base,
    log: silentLog,
    store: await openMemoryStore({ ...base, log: silentLog }),
    policy: new PolicyBook(),
    pki,
    locks: new LockBook(clock),
    windows: new WindowBook(clock),
    stepUps: new StepUps(clock),
    tickets: new TicketBook(clock),
    lookUps: new TicketLookUps(clock),
    codes: new LastYes(clock),
    codeTries: new OwnTries(clock, 'codes', limits.totpTriesPerMinute),
    passkeyTries: new OwnTries(clock, 'passkeys', limits.ownTriesPerMinute),
    breakGlassTries: new OwnTries(clock, 'sealed requests', limits.ownTriesPerMinute),
    sessions: new LiveSessions(clock),
    gates: new GateBook(),
    broker: {
      name: 'gate.example.com',
      version: '0',
      address: 'gate.example.com:7443',
      also: [],
      stateEpoch: 1,
      fourEyes: false,
      signInMs: 16 * 3_600_000,
    },
  };
  api = await buildApi(ctx);
  listener = await listenApi(api, { runDir: dir, ctx });
});
after(async () => {
  await listener.close();
  await api.close();
  ctx.policy.close();
  await ctx.store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function raw(file: string, first = 'PROXY TCP4 192.0.2.7 127.0.0.1 5000 7443\r\n'): Promise<Socket> {
  const socket = netConnect({ path: join(dir, file) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (first !== '') socket.write(first);
  return socket;
}

async function secure(socket: Socket, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const tls = tlsConnect({
    socket,
    ca: ctx.pki.rootPem,
    checkServerIdentity: serverKindCheck('authority', trustDomain),
    ALPNProtocols: ['sallyport-api', 'sallyport-public'],
    ...options,
  });
  await once(tls, 'secureConnect');
  return tls;
}

/** One request on a TLS socket; rejects when the connection is closed instead of answered. */
async function ask(
  tls: TLSSocket,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const request = httpsRequest({
    createConnection: () => tls,
    method: body === undefined ? 'GET' : 'POST',
    path,
    headers:
      body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
  });
  request.end(text);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
  };
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.destroyed) {
    socket.resume();
    await once(socket, 'close');
  }
}

test('before there is a certificate connections are closed unanswered', async () => {
  await closed(await raw('api.sock'));
});

test('L20 the sockets are private to this user', async () => {
  identity = await renewServerIdentity({
    authorities: ctx.pki,
    dir: join(dir, 'keys'),
    clock,
    random: systemRandom,
    id: 'authority-1',
    dnsNames: ['gate.example.com'],
    ipAddresses: [],
  });
  listener.setIdentity(identity);
  for (const file of ['api.sock', 'api-mtls.sock'])
    assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
});

test('a stranger redeems a token at the public door, and is then known at the other', async () => {
  const key = generateP256().privateKey;
  const body = { token: (await createFirstInvite(ctx)) ?? '', csr: await createCsr(key) };
  const tls = await secure(await raw('api.sock'), { ALPNProtocols: ['sallyport-public'] });
  assert.equal(tls.getProtocol(), 'TLSv1.3');
  const reply = await ask(tls, '/v1/enrollments/redeem', body);
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  me = { key: privatePem(key), cert: String(reply.body['certificate']) };
  const known = await secure(await raw('api-mtls.sock'), me);
  assert.equal(known.alpnProtocol, 'sallyport-api');
  assert.equal((await ask(known, '/v1/whoami')).body['name'], 'admin');
  const [event] = await ctx.store.events({ types: ['enrollment.redeemed'] }, { limit: 1 });
  assert.equal(event?.body['sourceIp'], '192.0.2.7', 'the address is the one of the PROXY line');
});

test('many connections at once keep their addresses apart', async () => {
  const addresses = Array.from({ length: 40 }, (_, at) => `198.51.100.${at}`);
  await Promise.all(
    addresses.map(async (address) => {
      const tls = await secure(await raw('api.sock', `PROXY TCP4 ${address} 127.0.0.1 5000 7443\r\n`), {
        ALPNProtocols: ['sallyport-public'],
      });
      const reply = await ask(tls, `/v1/devices/${address}`);
      assert.equal(reply.body['code'], 'unauthenticated');
    }),
  );
  const events = await ctx.store.events({ types: ['auth.failed'] }, { limit: 100 });
  assert.deepEqual(new Set(events.map((event) => event.body['sourceIp'])), new Set(addresses));
  assert.equal(events.length, addresses.length);
});

test('the public door never asks for a certificate, and one that is shown there counts for nothing', async () => {
  const tls = await secure(await raw('api.sock'), { ...me, ALPNProtocols: ['sallyport-public'] });
  // What a client learns of the server's wishes for a certificate: none here, some at the other door.
  assert.deepEqual(tls.getSharedSigalgs(), []);
  const asked = await secure(await raw('api-mtls.sock'), me);
  assert.notDeepEqual(asked.getSharedSigalgs(), []);
  assert.equal((await ask(tls, '/v1/whoami')).body['code'], 'unauthenticated');
});

async function refusedAtDoor(credentials: ConnectionOptions): Promise<void> {
  // In TLS 1.3 the client is done before the server has judged its certificate: the first read fails.
  const socket = await raw('api-mtls.sock');
  await assert.rejects(async () => await ask(await secure(socket, credentials), '/v1/whoami'));
}

test('L3 the door of certificates takes none below TLS 1.3, none without one, and none of another root', async () => {
  await refusedAtDoor({});
  await refusedAtDoor({ ...me, maxVersion: 'TLSv1.2' });
  const foreign = await makePki(Date.now());
  const stranger = await makeLeaf(foreign.issuing, 'human', { now: Date.now() });
  await refusedAtDoor({ key: privatePem(stranger.privateKey), cert: stranger.chainPem });
});

test('L5 a certificate that a leaf signed is refused', async () => {
  const leaf = await makeLeaf(ctx.pki.issuingCa, 'human', { now: Date.now() });
  const evil = await makeLeafSigned(leaf, 'human', Date.now());
  await refusedAtDoor({
    key: privatePem(evil.privateKey),
    cert: evil.chainPem + ctx.pki.issuingCa.certificatePem,
  });
});

test('L5 whom TLS turns away at the door of certificates is on the audit log, with where it came from', async () => {
  const before = (await ctx.store.events({ types: ['auth.failed'] }, { limit: 100 })).length;
  const foreign = await makePki(Date.now());
  const stranger = await makeLeaf(foreign.issuing, 'human', { now: Date.now() });
  clock.advance(60_000);
  await refusedAtDoor({ key: privatePem(stranger.privateKey), cert: stranger.chainPem });
  const events = await ctx.store.events({ types: ['auth.failed'] }, { limit: 100 });
  assert.equal(events.length, before + 1);
  const last = events.at(-1);
  assert.equal(last?.body['sourceIp'], '192.0.2.7');
  assert.equal(last?.body['door'], 'api');
  assert.match(last?.code ?? '', /^[A-Z_]+$/);
});

test('L17 a connection that does not begin with a PROXY line is closed', async () => {
  for (const first of [
    '\u0016\u0003\u0001\u0002',
    'GET / HTTP/1.1\r\n',
    'PROXY UNKNOWN\r\n',
    `PROXY ${'x'.repeat(200)}`,
  ]) {
    await closed(await raw('api.sock', first));
  }
});

test('a PROXY line and a hello cut anywhere are put together again', async () => {
  const line = 'PROXY TCP6 2001:db8::7 ::1 5000 7443\r\n';
  const socket = await raw('api.sock', '');
  for (const character of line.slice(0, -1)) socket.write(character);
  await new Promise<void>((resolve) => void socket.write('\n', () => resolve()));
  const tls = await secure(socket, { ALPNProtocols: ['sallyport-public'] });
  assert.equal((await ask(tls, '/v1/health')).body['status'], 'ok');
});

test('L2 a connection that stalls is closed: before its PROXY line, before its request, within its head and its body', async () => {
  // A listener of its own, so that every timer on this clock is a deadline of these connections.
  const clock = new ManualClock({ now: Date.now() });
  mkdirSync(join(dir, 'slow'));
  const slowDoors = await listenApi(api, { runDir: join(dir, 'slow'), ctx: { ...ctx, clock } });
  slowDoors.setIdentity(identity);
  const silent = await raw('slow/api.sock', 'PROXY TCP4');
  const quiet = await secure(await raw('slow/api.sock'), publicDoor);
  const half = await secure(await raw('slow/api.sock'), publicDoor);
  half.write('GET /v1/health HTTP/1.1\r\nhost: x\r\nx-slow: ');
  for (const socket of [quiet, half]) socket.on('error', () => undefined);
  await until(() => clock.pendingTimers === 3);
  clock.advance(limits.clientHelloTimeoutMs);
  await closed(silent);
  assert.ok(!quiet.destroyed && !half.destroyed);
  clock.advance(limits.firstRequestTimeoutMs - limits.clientHelloTimeoutMs);
  await Promise.all([closed(quiet), closed(half)]);

  const nextDeadline = (): number => (clock.nextDueAt ?? 0) - clock.bootMs();
  const slow = await secure(await raw('slow/api.sock'), publicDoor);
  slow.on('error', () => undefined);
  await until(() => nextDeadline() === limits.firstRequestTimeoutMs);
  const head = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 50';
  slow.write(`POST /v1/enrollments/redeem HTTP/1.1\r\n${head}\r\n\r\n{`);
  await until(() => nextDeadline() === limits.apiRequestTimeoutMs);
  clock.advance(limits.apiRequestTimeoutMs);
  await closed(slow);
  await slowDoors.close();
  assert.equal(clock.pendingTimers, 0);
});

test('requests follow one another on one connection, and a new certificate is for new connections', async () => {
  const held = await secure(await raw('api.sock'), publicDoor);
  const first = held.getPeerX509Certificate()?.serialNumber;
  const get = 'GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n';
  let answered = 0;
  held.setEncoding('latin1').on('data', (text: string) => {
    answered += text.split('HTTP/1.1 200').length - 1;
  });
  held.write(get);
  await until(() => answered === 1);
  const pair = generateP256();
  const leaf = await issueLeaf(ctx.pki.issuingCa, {
    publicKey: pair.publicKey,
    name: { trustDomain, env: 'prod', kind: 'authority', id: 'authority-1' },
    lifeMs: 3_600_000,
    now: clock.now(),
    random: systemRandom,
  });
  listener.setIdentity({ key: privatePem(pair.privateKey), cert: leaf.chainPem + ctx.pki.rootPem });
  held.write(get);
  await until(() => answered === 2);
  const renewed = await secure(await raw('api.sock'), publicDoor);
  assert.notEqual(renewed.getPeerX509Certificate()?.serialNumber, first);
  const known = await secure(await raw('api-mtls.sock'), me);
  assert.equal((await ask(known, '/v1/whoami')).status, 200, 'the root still decides who may come in');
  for (const socket of [held, renewed, known]) socket.destroy();
});

test('an answer that is late on purpose: said at once, past every other deadline, then whole', async () => {
  const tls = await secure(await raw('api.sock'), publicDoor);
  const forMs = 2 * limits.apiRequestTimeoutMs;
  let said = '';
  tls.setEncoding('latin1').on('data', (text: string) => {
    said += text;
  });
  const before = clock.pendingTimers;
  tls.write(`GET /v1/idle?forMs=${forMs} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await until(() => said === 'HTTP/1.1 102 Processing\r\n\r\n' && clock.pendingTimers > before);
  clock.advance(forMs - 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(said, 'HTTP/1.1 102 Processing\r\n\r\n');
  clock.advance(1);
  await until(() => said.includes('heldMs'));
  assert.match(said, new RegExp(`HTTP/1\\.1 200 [^]*{"heldMs":${forMs}}`));
  tls.destroy();
});

test('L2 who asks for silence and leaves holds nothing, and too many at once are refused', async () => {
  const get = `GET /v1/idle?forMs=${limits.idleProbeMaxMs} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const hold = async (): Promise<{ readonly tls: TLSSocket; readonly said: string }> => {
    const tls = await secure(await raw('api.sock'), publicDoor);
    tls.on('error', () => undefined);
    tls.write(get);
    const [said] = (await once(tls, 'data')) as [Buffer];
    return { tls, said: said.toString('latin1') };
  };
  const held: TLSSocket[] = [];
  for (let at = 0; at < limits.idleProbesMax; at += 1) {
    const { tls, said } = await hold();
    assert.match(said, /^HTTP\/1\.1 102 /);
    held.push(tls);
  }
  const late = await secure(await raw('api.sock'), publicDoor);
  const refused = await ask(late, `/v1/idle?forMs=${limits.idleProbeMaxMs}`);
  assert.deepEqual([refused.status, refused.body['code']], [429, 'rate_limited']);
  const timers = clock.pendingTimers;
  for (const socket of [...held, late]) socket.destroy();
  // Each had its own silence, and the deadline of its connection.
  await until(() => clock.pendingTimers <= timers - 2 * limits.idleProbesMax);
  for (const forMs of ['0', String(limits.idleProbeMaxMs + 1), 'x']) {
    const tls = await secure(await raw('api.sock'), publicDoor);
    assert.equal((await ask(tls, `/v1/idle?forMs=${forMs}`)).body['code'], 'invalid');
    tls.destroy();
  }
});

test('closing ends idle connections at once, and those that wait for a late answer; twice without harm', async () => {
  const idle = await secure(await raw('api-mtls.sock'), me);
  const waiting = await secure(await raw('api.sock'), publicDoor);
  const told = once(waiting, 'data');
  waiting.write(`GET /v1/idle?forMs=${limits.idleProbeMaxMs} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await told;
  await listener.close();
  await closed(idle);
  await closed(waiting);
  await listener.close();
  listener.abort();
  await assert.rejects(async () => await raw('api-mtls.sock'));
});

const publicDoor: ConnectionOptions = { ALPNProtocols: ['sallyport-public'] };

/** Waits for something at the other end of a socket; the test's own time limit bounds it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
