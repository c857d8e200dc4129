// A device and an operator whose only way out is an HTTP proxy that wants credentials: real networks, a real
// proxy on the home router, and everything else dropped there.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Double } from './double.ts';
import { homeAddress, Network, whyNoNetwork } from './network.ts';
import { leave, openWithin } from './network-stage.ts';
import { childrenOf, commandOf } from './proc.ts';
import { until, type Ran, type Surroundings } from './program.ts';
import { must, sitePolicy, type Stage } from './stage.ts';

const why = await whyNoNetwork();
const proxyPort = 3128;
const [user, password] = ['ana', 'correct-horse-battery'];
const secrets = [password, Buffer.from(`${user}:${password}`).toString('base64')];

suite('a device whose only way out is a proxy', { skip: why ?? false }, () => {
  let network: Network;
  let stage: Stage;
  let proxy: Double;
  let token: string;
  const url = (word: string): string => `http://${user}:${word}@192.168.7.1:${proxyPort}`;

  before(async () => {
    network = await Network.build();
    stage = await openWithin(network, { ana: 'device' });
    await network.onlyByProxy(proxyPort);
    await startProxy();
    const first = await stage.startBroker();
    must(await stage.admin('login', stage.address, '--invite', first), ['login']);
    token = await invite();
  });

  after(async () => await leave(network, stage, [proxy]));

  async function startProxy(): Promise<void> {
    const args = [homeAddress, String(proxyPort), `${user}:${password}`];
    proxy = await Double.start('connect-proxy-main', args, network.within('home'));
  }

  function tunnels(): number {
    return proxy.stdout.match(/^tunnel /gm)?.length ?? 0;
  }

  function behindProxy(word: string): Surroundings {
    const own = stage.surroundings('ana');
    return { ...own, env: { ...own.env, HTTPS_PROXY: url(word) } };
  }

  async function invite(): Promise<string> {
    const words = ['devices', 'invite', stage.device, '--owner', 'admin', '--label', 'site=lyon'];
    return ((await stage.adminJson(...words)) as { token: string }).token;
  }

  async function onDevice(...words: readonly string[]): Promise<Ran> {
    return await stage.run(['agent', ...words, '--state', stage.stateDir()], stage.surroundings('device'));
  }

  async function joinIt(...flags: readonly string[]): Promise<Ran> {
    return await onDevice('join', stage.address, '--token', token, ...flags);
  }

  test('straight there is no way, and it is said within the bounds of a dial', async () => {
    const startedAt = performance.now();
    const ran = await joinIt();
    assert.equal(ran.code, 69);
    assert.match(ran.stderr, /did not answer within 10 s/);
    assert.ok(performance.now() - startedAt < 15_000);
  });

  test('with the wrong credentials the proxy is named, and nothing is used up', async () => {
    const ran = await joinIt('--proxy', url('wrong'));
    assert.equal(ran.code, 69);
    assert.match(ran.stderr, /the proxy "192\.168\.7\.1:3128" does not take these credentials \(407\)/);
    assert.equal(tunnels(), 0);
  });

  test('it joins through the proxy, and its agent runs without any environment', async () => {
    must(await joinIt('--proxy', url(password)), ['agent', 'join']);
    assert.equal(tunnels(), 2);
    await stage.startAgent();
    assert.match((await onDevice('status')).stdout, /through proxy +192\.168\.7\.1:3128/);
  });

  test('an operator behind the same proxy works on it: the environment is enough', async () => {
    const ana = (await stage.adminJson('identities', 'add', 'ana', '--role', 'operator')) as {
      token: string;
    };
    const login = ['login', stage.address, '--invite', ana.token];
    must(await stage.run(login, behindProxy(password)), login);
    await stage.applyPolicy(sitePolicy);
    const words = ['exec', stage.device, '--', 'sh', '-c', 'env; exit 7'];
    const ran = await stage.run(words, behindProxy(password));
    assert.equal(ran.code, 7, ran.stderr);
    // What runs on the device sees nothing of the proxy.
    assert.doesNotMatch(ran.stdout, /proxy/i);
  });

  test('R8 the credentials are in one private file, and in no output, argv or environment', async () => {
    const pid = stage.agent?.pid ?? 0;
    for (const one of [pid, ...childrenOf(pid)]) {
      const environment = await readFile(`/proc/${one}/environ`, 'latin1');
      for (const secret of secrets) assert.ok(!`${commandOf(one)}${environment}`.includes(secret));
    }
    const files = await readdir(stage.folder, { recursive: true, withFileTypes: true });
    const holding: string[] = [];
    for (const file of files.filter((entry) => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      if (secrets.some((secret) => bytes.includes(secret))) holding.push(file.name);
    }
    assert.deepEqual(holding, ['proxy']);
    for (const { words, output } of stage.programs)
      for (const secret of secrets) assert.ok(!output.includes(secret), words.join(' '));
  });

  test('a proxy that went away and came back: the agent says who was missing, and is back by itself', async () => {
    await proxy.end();
    const why = await until('the agent says why there is no link', async () => {
      const status = JSON.parse((await onDevice('status', '--json')).stdout) as {
        running?: { error?: string };
      };
      return status.running?.error;
    });
    assert.match(why, /the proxy "192\.168\.7\.1:3128"/);
    await startProxy();
    await stage.untilOnline();
  });
});
