import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createNewWithOld, createRoot } from '../../src/authority/pki/ca.ts';
import { signKeyset } from '../../src/authority/pki/keyset.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { formatToken } from '../../src/core/token.ts';
import { generateP256 } from '../../src/platform/keys.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { withSuccessors } from '../../src/wire/keyset.ts';
import { hourMs, trustDomain } from '../contract/pki-fixture.ts';
import { makePerson, startFakeBroker } from './fake-broker.ts';
import { makeHome, runCli, signedIn } from './run-cli.ts';

const broker = await startFakeBroker();
after(async () => await broker.close());

const dayMs = 24 * hourMs;
const whoami = {
  id: 'human-1',
  kind: 'human',
  name: 'ana',
  roles: ['operator'],
  broker: 'gate.example.com',
  certificate: { serial: '1', notAfter: new Date(Date.now() + 12 * hourMs).toISOString() },
  sessions: [],
};
broker.routes.set('GET /v1/whoami', () => whoami);
broker.routes.set('POST /v1/enrollments/redeem', async ({ body }) => {
  const { csr, token } = body as { csr: string; token: string };
  if (token !== broker.invite) throw new SallyportError('token_refused', 'the invite is not good any more');
  return {
    kind: 'human',
    id: 'idn_ana',
    name: 'ana',
    roles: ['administrator'],
    certificate: await broker.certify(csr, 'idn_ana'),
    root: broker.pki.root.certificatePem,
    keyset: broker.keyset,
    broker: 'gate.example.com',
    trustDomain: 'gate.example.com',
    env: 'prod',
    stateEpoch: 1,
  };
});

test('login makes the key here, says who one is, and leaves a home that nobody else can read', async () => {
  const home = makeHome();
  const ran = await runCli(['login', broker.address, '--invite', broker.invite], { home: home.path });
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /signed in as {2}ana\n/);
  assert.match(ran.stdout, /roles {9}administrator\n/);
  assert.match(ran.stdout, /next: sallyport devices invite NAME/);
  const files = readdirSync(home.path, { recursive: true, withFileTypes: true });
  for (const entry of files) {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
    assert.equal(mode, entry.isDirectory() ? 0o700 : 0o600, entry.name);
  }
  const redeemed = broker.asked.find(({ path }) => path === '/v1/enrollments/redeem');
  assert.equal(redeemed?.isAuthenticated, false);
  assert.ok(!JSON.stringify(redeemed).includes('PRIVATE KEY'));
  const who = await runCli(['whoami', '--json'], { home: home.path });
  assert.deepEqual(JSON.parse(who.stdout), whoami);
  home.remove();
});

test('L3 an invite for another broker is never shown to this one', async () => {
  const home = makeHome();
  const before = broker.asked.length;
  const invite = formatToken({
    kind: 'human',
    secret: Buffer.alloc(32, 1).toString('base64url'),
    rootFingerprint: Buffer.alloc(32, 2).toString('base64url'),
  });
  const ran = await runCli(['login', broker.address, '--invite', invite], { home: home.path });
  assert.equal(ran.status, 77);
  assert.match(ran.stderr, /is not the broker that made this token/);
  assert.equal(broker.asked.length, before);
  assert.deepEqual(readdirSync(home.path), []);
  home.remove();
});

test('a device token and half an invite are told apart from an invite', async () => {
  const home = makeHome();
  const device = await runCli(['login', broker.address, '--invite', broker.invite.replace('.h.', '.d.')], {
    home: home.path,
  });
  assert.equal(device.status, 2);
  assert.match(device.stderr, /this token is for a device[^]*sallyport agent join/);
  const half = await runCli(['login', broker.address, '--invite', broker.invite.slice(0, 40)], {
    home: home.path,
  });
  assert.equal(half.status, 2);
  assert.match(half.stderr, /the invite is not complete/);
  home.remove();
});

test('without a sign-in the answer says how to get one', async () => {
  const home = makeHome();
  const ran = await runCli(['whoami'], { home: home.path });
  assert.equal(ran.status, 77);
  assert.equal(
    ran.stderr,
    'sallyport: you are not signed in to any broker\n' +
      'next: sallyport login ADDRESS --invite … (an administrator makes the invite)\n',
  );
  home.remove();
});

test('L20 a key that others may read is refused, with the command that mends it', async () => {
  const home = await signedIn(broker);
  chmodSync(join(home.profile, 'key.pem'), 0o644);
  const before = broker.asked.length;
  const ran = await runCli(['whoami'], { home: home.path });
  assert.equal(ran.status, 1);
  assert.match(ran.stderr, /key\.pem" can be reached by others \(mode 644\)\nnext: chmod 600 /);
  assert.equal(broker.asked.length, before);
  home.remove();
});

test('L20 a home and a profile that others may enter are refused', async () => {
  for (const pick of ['path', 'profile'] as const) {
    const home = await signedIn(broker);
    chmodSync(home[pick], 0o755);
    const ran = await runCli(['exec', 'pump-7', '--json', '--', 'true'], { home: home.path });
    assert.equal(ran.status, 255);
    assert.equal((JSON.parse(ran.stderr) as { code: string }).code, 'local_file');
    home.remove();
  }
});

test('an expired sign-in says when it ended and what to do; nothing is sent', async () => {
  const now = Date.now();
  const home = await signedIn(broker, { notBefore: now - 13 * hourMs, notAfter: now - hourMs });
  const before = broker.asked.length;
  const ran = await runCli(['whoami'], { home: home.path });
  assert.equal(ran.status, 77);
  assert.match(ran.stderr, /the sign-in of "ana" to .* ended at .*, and the clock here says /);
  assert.match(ran.stderr, /sallyport identities add ana/);
  assert.match(ran.stderr, /if the clock is wrong, set it/);
  assert.equal(broker.asked.length, before);
  home.remove();
});

test('a clock that is a day behind the broker is named as the cause, here and by doctor', async () => {
  const ahead = await startFakeBroker({
    now: Date.now() + dayMs,
    headers: { date: new Date(Date.now() + dayMs).toUTCString() },
  });
  ahead.routes.set('GET /v1/health', () => ({ status: 'ok', broker: 'b', version: '0' }));
  const person = await makePerson(ahead.pki, { now: Date.now() + dayMs });
  const home = await signedIn(ahead, { person });
  const ran = await runCli(['whoami'], { home: home.path });
  assert.equal(ran.status, 69);
  assert.match(ran.stderr, /is not valid yet: the clock here is behind/);
  const doctor = await runCli(['doctor', '--json'], { home: home.path });
  assert.equal(doctor.status, 1);
  const clock = (JSON.parse(doctor.stdout) as { check: string; state: string; says: string }[]).find(
    ({ check }) => check === 'clock',
  );
  assert.equal(clock?.state, 'warning');
  assert.match(clock.says, /^(1d|23h 59m|24h).* behind the broker$/);
  home.remove();
  await ahead.close();
});

test('a clock that is a day ahead is found by doctor although the sign-in looks over', async () => {
  const behind = await startFakeBroker({
    now: Date.now() - dayMs,
    headers: { date: new Date(Date.now() - dayMs).toUTCString() },
  });
  behind.routes.set('GET /v1/health', () => ({ status: 'ok', broker: 'b', version: '0' }));
  const home = await signedIn(behind, { person: await makePerson(behind.pki, { now: Date.now() - dayMs }) });
  const doctor = await runCli(['doctor'], { home: home.path });
  assert.equal(doctor.status, 1);
  assert.match(doctor.stdout, /^failed +sign-in +the sign-in of "ana"/m);
  assert.match(doctor.stdout, /^warning +clock +.* ahead of the broker$/m);
  home.remove();
  await behind.close();
});

test('past half its life the certificate is renewed after the work, quietly', async () => {
  const now = Date.now();
  broker.routes.set('POST /v1/sign-in/renew', async ({ body }) => ({
    certificate: await broker.certify((body as { csr: string }).csr, 'human-1'),
  }));
  const home = await signedIn(broker, { notBefore: now - 7 * hourMs, notAfter: now + 5 * hourMs });
  const ran = await runCli(['whoami'], { home: home.path });
  assert.equal(ran.status, 0);
  assert.equal(ran.stderr, '');
  assert.deepEqual(
    broker.asked.slice(-2).map(({ path }) => path),
    ['/v1/whoami', '/v1/sign-in/renew'],
  );
  const stored = JSON.parse(readFileSync(join(home.profile, 'profile.json'), 'utf8')) as { notAfter: number };
  assert.ok(stored.notAfter > now + 11 * hourMs);
  const before = broker.asked.length;
  await runCli(['whoami'], { home: home.path });
  assert.equal(broker.asked.length, before + 1);
  home.remove();
});

test('a renewal brings the root that took the place of the pinned one; a keyset of a stranger brings none', async () => {
  const now = Date.now();
  const { root } = broker.pki;
  const makeRoot = () =>
    createRoot({ trustDomain, privateKey: generateP256().privateKey, now, random: systemRandom });
  const [next, stranger] = [await makeRoot(), await makeRoot()];
  const keyset = { version: 2, trustDomain, env: 'prod', notAfter: now + hourMs, keys: [] };
  const renewWith = async (text: string): Promise<X509Certificate> => {
    broker.routes.set('POST /v1/sign-in/renew', async ({ body }) => ({
      certificate: await broker.certify((body as { csr: string }).csr, 'human-1'),
      keyset: text,
    }));
    const home = await signedIn(broker, { notBefore: now - 7 * hourMs, notAfter: now + 5 * hourMs });
    assert.equal((await runCli(['whoami'], { home: home.path })).status, 0);
    const stored = JSON.parse(readFileSync(join(home.profile, 'profile.json'), 'utf8')) as { root: string };
    home.remove();
    return new X509Certificate(stored.root);
  };
  const newWithOld = await createNewWithOld(root, next, systemRandom);
  const followed = await renewWith(withSuccessors(signKeyset(keyset, next.privateKey), [newWithOld]));
  assert.equal(followed.fingerprint256, newWithOld.fingerprint256);
  const kept = await renewWith(
    withSuccessors(signKeyset(keyset, stranger.privateKey), [stranger.certificate]),
  );
  assert.equal(kept.fingerprint256, root.certificate.fingerprint256);
});

test('a renewal that fails does not change what the command answers', async () => {
  broker.routes.set('POST /v1/sign-in/renew', () => {
    throw new SallyportError('store_unavailable', 'the log cannot be written');
  });
  const now = Date.now();
  const home = await signedIn(broker, { notBefore: now - 7 * hourMs, notAfter: now + 5 * hourMs });
  const ran = await runCli(['whoami'], { home: home.path });
  assert.deepEqual({ status: ran.status, stderr: ran.stderr }, { status: 0, stderr: '' });
  home.remove();
});

test('logout ends the sign-in at the broker and removes the key, also where the broker is away', async () => {
  broker.routes.set('POST /v1/sign-in/end', () => ({ done: true }));
  const home = await signedIn(broker);
  const ran = await runCli(['logout'], { home: home.path });
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(broker.asked.at(-1)?.path, '/v1/sign-in/end');
  assert.ok(!existsSync(home.profile));
  home.remove();

  const closed = await startFakeBroker();
  const stranded = await signedIn(closed);
  await closed.close();
  const away = await runCli(['logout'], { home: stranded.path });
  assert.equal(away.status, 0);
  assert.match(away.stderr, /the broker was not told/);
  assert.ok(!existsSync(stranded.profile));
  stranded.remove();
});

test('an unreachable broker, one that is none, and one with another root: 69, each with its own words', async () => {
  const closed = await startFakeBroker();
  const home = await signedIn(closed);
  await closed.close();
  const refused = await runCli(['sessions', 'ls'], { home: home.path });
  assert.equal(refused.status, 69);
  assert.match(refused.stderr, /nothing listens at "127\.0\.0\.1:/);
  home.remove();

  const stranger = createServer((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
  await new Promise<void>((resolve) => {
    stranger.listen(0, '127.0.0.1', resolve);
  });
  const strange = await signedIn({
    ...broker,
    address: `127.0.0.1:${(stranger.address() as AddressInfo).port}`,
  });
  const ran = await runCli(['exec', 'pump-7', '--', 'true'], { home: strange.path });
  assert.equal(ran.status, 69);
  assert.match(ran.stderr, /^sallyport: the connection to .* failed/);
  strange.remove();
  stranger.close();

  const other = await startFakeBroker();
  const foreign = await signedIn({ ...broker, address: other.address });
  const pinned = await runCli(['whoami'], { home: foreign.path });
  assert.equal(pinned.status, 69);
  assert.match(pinned.stderr, /is not the broker that was pinned/);
  foreign.remove();
  await other.close();
});
