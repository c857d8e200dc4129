// A device whose way out is an HTTP proxy: joining, the link, receipts and renewals all go through it, and
// nobody but the proxy gets to see its credentials.

import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { joinAgent } from '../../src/agent/join.ts';
import { findProxy, proxyPath } from '../../src/agent/proxy.ts';
import { renewOnce } from '../../src/agent/renewal.ts';
import { agentStatus } from '../../src/agent/status.ts';
import { StateFile } from '../../src/agent/state.ts';
import { formatToken } from '../../src/core/token.ts';
import { parseProxy } from '../../src/link/outbound-proxy.ts';
import { createLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { keyId } from '../../src/wire/signed.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { converse } from '../doubles/agent-channel.ts';
import { exec, startAgentWorld, type AgentWorld } from '../doubles/agent-world.ts';
import { ConnectProxy } from '../doubles/connect-proxy.ts';

const credentials = 'ana:hunter2';

interface Scene {
  readonly world: AgentWorld;
  readonly proxy: ConnectProxy;
  readonly url: string;
}

async function newScene(t: TestContext): Promise<Scene> {
  const world = await startAgentWorld();
  const proxy = await ConnectProxy.start({ credentials });
  t.after(async () => {
    await world.close();
    await proxy.close();
  });
  return { world, proxy, url: `http://${credentials}@127.0.0.1:${proxy.port}` };
}

function assertAllThrough({ proxy, world }: Scene, count: number): void {
  assert.deepEqual(
    proxy.asked.map(({ target }) => target),
    Array.from({ length: count }, () => world.address),
  );
}

async function keep(dir: string, line: string): Promise<void> {
  await writeFile(proxyPath(dir), `${line}\n`, { mode: 0o600 });
}

test('join --proxy goes through it, twice, and keeps it for the runs that follow, privately', async (t) => {
  const scene = await newScene(t);
  const { world, url } = scene;
  const dir = await mkdtemp(join(tmpdir(), 'spp-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  world.answer.api = async (_path, body) => ({
    status: 200,
    body: {
      id: world.state.deviceId,
      name: 'pump-7',
      certificate: await world.ca.chainFor(String(body['csr']), 'device', world.state.deviceId),
      keyset: world.state.keyset,
      broker: 'gate.example.com',
      stateEpoch: 1,
      renewal: { n: 1, secret: 's1' },
    },
  });
  const token = formatToken({
    kind: 'device',
    secret: Buffer.alloc(32, 1).toString('base64url'),
    rootFingerprint: rootFingerprint(new X509Certificate(world.ca.root)),
  });
  const { address } = world;
  const joined = await joinAgent({
    address,
    token,
    state: dir,
    flags: { proxy: url },
    env: { NO_PROXY: '*' },
  });
  assert.equal(joined.passingProxy, undefined);
  assertAllThrough(scene, 2);
  assert.equal(await readFile(proxyPath(dir), 'utf8'), `${url}\n`);
  assert.equal((await stat(proxyPath(dir))).mode & 0o777, 0o600);
  const found = await findProxy(address, { dir, env: { HTTPS_PROXY: 'http://other:1' } });
  assert.equal(found.proxy?.name, `127.0.0.1:${scene.proxy.port}`);
});

test('the file beside the state says which proxy, that there is none, or nothing', async (t) => {
  const { world } = await newScene(t);
  const dir = world.stateDir;
  const env = { HTTPS_PROXY: 'http://env:1' };
  const find = async (): Promise<string | undefined> =>
    (await findProxy('gate.example.com', { dir, env })).proxy?.name;
  assert.equal(await find(), 'env:1');
  await keep(dir, 'none');
  assert.equal(await find(), undefined);
  await keep(dir, 'http://kept:3128');
  assert.equal(await find(), 'kept:3128');
  await keep(dir, 'http://ana:hunter2@kept:99999');
  await assert.rejects(find(), (error: Error) => {
    assert.match(error.message, /\/proxy" is no address of a proxy$/);
    return !error.message.includes('hunter2');
  });
  await chmod(proxyPath(dir), 0o644);
  await assert.rejects(find(), { message: /can be reached by others/ });
});

test('the link and the receipts of a session go through it, and carry a session as ever', async (t) => {
  const scene = await newScene(t);
  const { world, proxy, url } = scene;
  await keep(world.stateDir, url);
  world.start();
  const link = await world.nextLink();
  await link.welcome();
  const channel = await converse(await link.open(exec('echo', 'through')));
  assert.equal((await channel.ended).out, 'through\n');
  link.client.abort();
  await world.nextTold('/v1/device/receipts');
  assert.ok(proxy.asked.length >= 2);
  assert.ok(proxy.asked.every(({ target }) => target === world.address));
  const { running } = await agentStatus({ state: world.stateDir });
  assert.equal(running?.proxy, `127.0.0.1:${proxy.port}`);
});

test('a renewal goes through it', async (t) => {
  const scene = await newScene(t);
  const { world, url } = scene;
  world.answer.api = async () => ({ status: 503, body: {} });
  const renewal = renewOnce({
    file: new StateFile(world.stateDir, world.state),
    key: world.deviceKey,
    proxy: parseProxy(url, 'x'),
    signer: { kid: keyId(createPublicKey(world.deviceKey)), privateKey: world.deviceKey },
    random: systemRandom,
    signedNow: () => undefined,
  });
  await assert.rejects(renewal);
  await world.nextTold('/v1/device/credentials/renew');
  assertAllThrough(scene, 1);
});

test('R8 a proxy that ends links is named in log and status, its credentials in neither', async (t) => {
  const scene = await newScene(t);
  const { world, proxy, url } = scene;
  await keep(world.stateDir, url);
  const lines: string[] = [];
  const noLink = Promise.withResolvers<void>();
  const log = await createLog({
    component: 'agent',
    level: 'debug',
    destination: {
      write: (line) => {
        lines.push(line);
        if (line.includes('"no link"')) noLink.resolve();
      },
    },
  });
  world.start({ log });
  const link = await world.nextLink();
  await link.welcome();
  proxy.endTunnels();
  await noLink.promise;
  const { running } = await agentStatus({ state: world.stateDir });
  assert.match(running?.error ?? '', /the link through the proxy "127\.0\.0\.1:\d+" was ended after /);
  assert.match(running?.next ?? '', /it is the proxy: ask who runs it/);
  const said = `${lines.join('')}${JSON.stringify(running)}`;
  assert.match(said, /was ended after/);
  assert.doesNotMatch(said, new RegExp(`hunter2|${Buffer.from(credentials).toString('base64')}`));
  // It comes back by itself.
  await (await world.nextLink()).welcome();
});

test('R8 a proxy that refuses the credentials is said, without them', async (t) => {
  const { world, proxy } = await newScene(t);
  await keep(world.stateDir, `http://ana:hunter3@127.0.0.1:${proxy.port}`);
  const lines: string[] = [];
  const noLink = Promise.withResolvers<string>();
  const log = await createLog({
    component: 'agent',
    level: 'debug',
    destination: {
      write: (line) => {
        lines.push(line);
        if (line.includes('"no link"')) noLink.resolve(line);
      },
    },
  });
  world.start({ log });
  assert.match(await noLink.promise, /does not take these credentials \(407\)/);
  assert.doesNotMatch(lines.join(''), /hunter3/);
});
