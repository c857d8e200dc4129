// A machine becomes a device, keeps its state, and renews its certificate; and each way in which that must
// not work.

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinAgent } from '../../src/agent/join.ts';
import { renewAt, renewOnce } from '../../src/agent/renewal.ts';
import { loadJoined, loadState, saveState, StateFile } from '../../src/agent/state.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { formatToken } from '../../src/core/token.ts';
import { apiRequest } from '../../src/link/api-client.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { keyId, sha256, verifyStatement } from '../../src/wire/signed.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { startAgentWorld, type AgentWorld } from '../doubles/agent-world.ts';

const redeemPath = '/v1/enrollments/redeem';
const renewPath = '/v1/device/credentials/renew';

async function newWorld(t: TestContext): Promise<AgentWorld> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  return world;
}

async function emptyDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spj-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

function tokenFor(
  world: AgentWorld,
  changes: { readonly kind?: 'human'; readonly root?: string } = {},
): string {
  return formatToken({
    kind: changes.kind ?? 'device',
    secret: Buffer.alloc(32, 1).toString('base64url'),
    rootFingerprint: rootFingerprint(new X509Certificate(changes.root ?? world.ca.root)),
  });
}

/** Answers a redeem as the authority does. */
function redeems(world: AgentWorld): void {
  const { state, ca } = world;
  world.answer.api = async (path, body) => {
    assert.equal(path, redeemPath);
    return {
      status: 200,
      body: {
        kind: 'device',
        id: state.deviceId,
        name: state.name,
        certificate: await ca.chainFor(String(body['csr']), 'device', state.deviceId),
        root: 'whatever the broker says here is not what gets pinned',
        keyset: state.keyset,
        broker: 'gate.example.com',
        trustDomain: 'evil.example',
        env: 'evil',
        stateEpoch: 1,
        renewal: { n: 1, secret: 's1' },
      },
    };
  };
}

test('join makes a key that stays here, pins the root of the token, and keeps both private', async (t) => {
  const world = await newWorld(t);
  const dir = join(await emptyDir(t), 'state');
  redeems(world);
  const joined = await joinAgent({ address: world.address, token: tokenFor(world), state: dir });
  assert.equal(joined.name, 'pump-7');
  const { state, key } = await loadJoined(dir);
  assert.equal(
    new X509Certificate(state.root).fingerprint256,
    new X509Certificate(world.ca.root).fingerprint256,
  );
  assert.equal(state.trustDomain, world.ca.trustDomain);
  assert.ok(new X509Certificate(state.certificate).checkPrivateKey(key));
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  for (const name of await readdir(dir))
    assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600, name);
  assert.ok(!JSON.stringify(world.told).includes('PRIVATE'));
});

test('I5 a broker with another root gets no token: the words name the danger', async (t) => {
  const world = await newWorld(t);
  const other = await newWorld(t);
  const dir = await emptyDir(t);
  await assert.rejects(joinAgent({ address: world.address, token: tokenFor(other), state: dir }), {
    code: 'unauthenticated',
    message: /not the broker that made this token/,
    next: /somebody may stand in between/,
  });
  assert.deepEqual(world.told, []);
  assert.deepEqual(await readdir(dir), []);
});

test('a clock that is off by a day is named as the cause, on either side', async (t) => {
  const world = await newWorld(t);
  const state = await emptyDir(t);
  const day = 24 * 60 * 60_000;
  const token = tokenFor(world);
  await assert.rejects(joinAgent({ address: world.address, token, state, now: Date.now() - day }), {
    message: /not valid yet: the clock here is behind/,
  });
  await assert.rejects(joinAgent({ address: world.address, token, state, now: Date.now() + 2 * day }), {
    message: /expired: the clock here is ahead/,
  });
});

test('I5 a refused token is told as the broker says it, and leaves nothing behind', async (t) => {
  const world = await newWorld(t);
  const dir = await emptyDir(t);
  const problem = {
    type: 'x',
    title: 'this token is not valid, or not any more',
    status: 403,
    code: 'token_refused',
  };
  world.answer.api = () => ({ status: 403, body: problem });
  await assert.rejects(joinAgent({ address: world.address, token: tokenFor(world), state: dir }), {
    code: 'token_refused',
  });
  assert.deepEqual(await readdir(dir), []);
});

test('an unreachable broker, a text that is no token and the invite of a person are told apart', async (t) => {
  const world = await newWorld(t);
  const state = await emptyDir(t);
  const token = tokenFor(world);
  await assert.rejects(joinAgent({ address: '127.0.0.1:1', token, state }), {
    code: 'unavailable',
    message: /nothing listens/,
  });
  await assert.rejects(joinAgent({ address: world.address, token: 'sp2.d.x', state }), { code: 'invalid' });
  await assert.rejects(
    joinAgent({ address: world.address, token: tokenFor(world, { kind: 'human' }), state }),
    { code: 'invalid', message: /for a person/ },
  );
});

test('a directory that has joined is not joined again', async (t) => {
  const world = await newWorld(t);
  await assert.rejects(joinAgent({ address: world.address, token: tokenFor(world), state: world.stateDir }), {
    code: 'conflict',
    message: /already is the device "pump-7"/,
  });
  assert.deepEqual(world.told, []);
});

test('a certificate for another key or another name is not taken', async (t) => {
  const world = await newWorld(t);
  const dir = await emptyDir(t);
  redeems(world);
  const { api } = world.answer;
  world.answer.api = async (path, body) => {
    const reply = await api(path, body);
    return { ...reply, body: { ...reply.body, certificate: world.state.certificate } };
  };
  await assert.rejects(joinAgent({ address: world.address, token: tokenFor(world), state: dir }), {
    message: /no device certificate/,
  });
  assert.deepEqual(await readdir(dir), []);
});

test('L20 damaged state, state of another version and loose modes are refused with words', async (t) => {
  const world = await newWorld(t);
  const path = join(world.stateDir, 'state.json');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, whole.length / 2));
  await assert.rejects(loadState(world.stateDir), { code: 'local_file', message: /damaged/ });
  await writeFile(path, whole.replace('"format": 1', '"format": 2'));
  await assert.rejects(loadState(world.stateDir), { code: 'local_file', message: /another version/ });
  await writeFile(path, whole);
  await chmod(path, 0o644);
  await assert.rejects(loadState(world.stateDir), /can be reached by others/);
  await chmod(path, 0o600);
  await chmod(join(world.stateDir, 'device.key'), 0o640);
  await assert.rejects(loadJoined(world.stateDir), /can be reached by others/);
  await assert.rejects(loadJoined(await emptyDir(t)), { message: /no device that has joined/ });
});

test('renewal is due at a third of the life of a certificate, with a little jitter', async (t) => {
  const { state } = await newWorld(t);
  const leaf = new X509Certificate(state.certificate);
  const from = leaf.validFromDate.getTime();
  const life = leaf.validToDate.getTime() - from;
  for (const fraction of [0, 0.5, 0.999]) {
    const part = (renewAt(state.certificate, fraction) - from) / life;
    assert.ok(part > 0.28 && part < 0.39, String(part));
  }
});

function renewalOf(world: AgentWorld, file: StateFile) {
  const { deviceKey: key } = world;
  return {
    file,
    key,
    signer: { kid: keyId(createPublicKey(key)), privateKey: key },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    now: () => Date.now(),
    signedNow: () => undefined,
  };
}

/** What a renewal request says, with its signature checked. */
function readRequest(
  world: AgentWorld,
  body: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const key = createPublicKey(world.deviceKey);
  const verified = verifyStatement('renewal', String(body['request']), () => key);
  assert.ok(verified.ok);
  return verified.payload;
}

test('a renewal shows the current secret, promises the next one, and counts once it is on the disk', async (t) => {
  const world = await newWorld(t);
  const { state, ca } = world;
  world.answer.api = async (_path, body) => {
    const csr = String(readRequest(world, body)['csr']);
    const certificate = await ca.chainFor(csr, 'device', state.deviceId);
    return { status: 200, body: { n: 2, certificate, keyset: state.keyset } };
  };
  const file = new StateFile(world.stateDir, state);
  await renewOnce(renewalOf(world, file));
  const sent = readRequest(world, await world.nextTold(renewPath));
  assert.equal(sent['n'], 1);
  assert.equal(sent['secret'], 'first-secret');
  const kept = await loadState(world.stateDir);
  assert.equal(kept?.renewal.n, 2);
  assert.equal(kept?.renewal.pending, undefined);
  assert.equal(sha256(kept?.renewal.secret ?? ''), sent['nextSecretHash']);
  assert.notEqual(kept?.certificate, state.certificate);
});

test('I14 a renewal whose answer was lost is repeated byte for byte, also after a power cut', async (t) => {
  const world = await newWorld(t);
  const { state, ca } = world;
  world.answer.api = () => ({ status: 503, body: {} });
  await assert.rejects(renewOnce(renewalOf(world, new StateFile(world.stateDir, state))), SallyportError);
  const first = await world.nextTold(renewPath);
  const afterCut = await loadState(world.stateDir);
  assert.ok(afterCut !== undefined);
  assert.equal(afterCut.renewal.n, 1);
  world.answer.api = async (_path, body) => {
    const csr = String(readRequest(world, body)['csr']);
    const certificate = await ca.chainFor(csr, 'device', state.deviceId);
    return { status: 200, body: { n: 2, certificate, keyset: state.keyset } };
  };
  await renewOnce(renewalOf(world, new StateFile(world.stateDir, afterCut)));
  assert.deepEqual(await world.nextTold(renewPath), first);
  assert.equal((await loadState(world.stateDir))?.renewal.n, 2);
});

test('an answer to a renewal that is not for this device changes nothing', async (t) => {
  const world = await newWorld(t);
  const { state, ca } = world;
  const other = await ca.leaf('device', state.deviceId);
  const bad = [
    { n: 3, certificate: state.certificate, keyset: state.keyset },
    { n: 2, certificate: other.cert, keyset: state.keyset },
    { n: 2, certificate: state.certificate, keyset: 'not.signed' },
    {},
  ];
  for (const body of bad) {
    world.answer.api = () => ({ status: 200, body });
    const file = new StateFile(world.stateDir, state);
    await saveState(world.stateDir, state);
    await assert.rejects(renewOnce(renewalOf(world, file)), { code: 'unavailable' });
    assert.equal(file.current.renewal.n, 1);
    assert.equal((await loadState(world.stateDir))?.certificate, state.certificate);
  }
});

test('R-026 the api client speaks to an authority only: a gate at that place is refused', async (t) => {
  const world = await newWorld(t);
  await assert.rejects(
    apiRequest({
      address: world.address,
      root: world.ca.root,
      trustDomain: 'other.example',
      method: 'GET',
      path: '/v1/health',
    }),
    { code: 'wrong_kind' },
  );
});

test('an api that never answers is given up after the deadline', async (t) => {
  const world = await newWorld(t);
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: object }>();
  world.answer.api = () => promise;
  await assert.rejects(
    apiRequest({
      address: world.address,
      root: world.ca.root,
      trustDomain: world.ca.trustDomain,
      method: 'POST',
      path: '/slow',
      body: {},
      timeoutMs: 50,
    }),
    { code: 'unavailable', message: /did not answer within 0.05 s/ },
  );
  resolve({ status: 200, body: {} });
});
