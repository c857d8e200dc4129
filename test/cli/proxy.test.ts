// An operator whose way to the broker is an HTTP proxy, as the environment says it. The broker has a name here
// that only the proxy can resolve, so what arrives came through.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { hourMs } from '../contract/pki-fixture.ts';
import { ConnectProxy } from '../doubles/connect-proxy.ts';
import { acceptChannel, grantSessions } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { makeHome, runCli, type Ran } from './run-cli.ts';

const broker = await startFakeBroker({
  onChannel(request) {
    acceptChannel(request, () => undefined).exit({ code: 7 });
  },
});
const proxy = await ConnectProxy.start({ credentials: 'ana:hunter2', resolve: () => broker.address });
const home = makeHome();
after(async () => {
  home.remove();
  await proxy.close();
  await broker.close();
});

const address = 'broker.invalid:7443';
const url = `http://ana:hunter2@127.0.0.1:${proxy.port}`;

broker.routes.set('POST /v1/enrollments/redeem', async ({ body }) => ({
  kind: 'human',
  id: 'idn_ana',
  name: 'ana',
  roles: ['operator'],
  certificate: await broker.certify((body as { csr: string }).csr, 'idn_ana'),
  root: broker.pki.root.certificatePem,
  keyset: broker.keyset,
  broker: 'gate.example.com',
  trustDomain: 'gate.example.com',
  env: 'prod',
  stateEpoch: 1,
}));
broker.routes.set('GET /v1/whoami', () => ({
  id: 'idn_ana',
  kind: 'human',
  name: 'ana',
  roles: ['operator'],
  broker: 'gate.example.com',
  certificate: { serial: '1', notAfter: new Date(Date.now() + 12 * hourMs).toISOString() },
  sessions: [],
}));
broker.routes.set('GET /v1/health', () => ({ status: 'ok', broker: 'b', version: '0' }));
broker.routes.set('GET /v1/trust', () => ({ broker: 'b', version: '0', wireVersions: [1] }));

async function run(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const none = { https_proxy: '', HTTPS_PROXY: '', all_proxy: '', ALL_PROXY: '', no_proxy: '', NO_PROXY: '' };
  return await runCli(words, { home: home.path, env: { ...none, ...env } });
}

test('login, api calls, channels and doctor all go through the proxy of the environment', async () => {
  const login = await run(['login', address, '--invite', broker.invite], { HTTPS_PROXY: url });
  assert.equal(login.status, 0, login.stderr);
  assert.equal(proxy.asked.length, 2, 'first contact, redeem');
  const who = await run(['whoami'], { all_proxy: url });
  assert.equal(who.status, 0, who.stderr);
  grantSessions(broker);
  const exec = await run(['exec', 'pump-7', '--', 'true'], { https_proxy: url });
  assert.equal(exec.status, 7, exec.stderr);
  const doctor = await run(['doctor'], { HTTPS_PROXY: url });
  assert.equal(doctor.status, 0, doctor.stdout);
  assert.match(doctor.stdout, /proxy +through "127\.0\.0\.1:\d+" \(HTTPS_PROXY\)/);
  assert.ok(proxy.asked.every(({ target }) => target === address));
});

test('NO_PROXY goes straight, and then the name is this machine’s to resolve', async () => {
  const before = proxy.asked.length;
  const ran = await run(['whoami'], { HTTPS_PROXY: url, NO_PROXY: '.invalid' });
  assert.equal(ran.status, 69);
  assert.match(ran.stderr, /^sallyport: (?:the name in )?"broker\.invalid:7443" /);
  assert.equal(proxy.asked.length, before);
});

test('R8 a proxy that refuses is named, and no output holds its credentials', async () => {
  const env = { HTTPS_PROXY: url.replace('hunter2', 'hunter3'), SALLYPORT_DEBUG: '1' };
  for (const words of [['whoami'], ['whoami', '--json'], ['exec', 'pump-7', '--', 'true'], ['doctor']]) {
    const ran = await run(words, env);
    assert.notEqual(ran.status, 0);
    assert.match(`${ran.stdout}${ran.stderr}`, /does not take these credentials \(407\)/);
    assert.doesNotMatch(`${ran.stdout}${ran.stderr}`, /hunter3|YW5hOmh1bnRlcjM/);
  }
});

test('a proxy that cannot be used is refused before anything is sent, by the name of its variable', async () => {
  const ran = await run(['whoami'], { ALL_PROXY: 'socks5://ana:hunter2@127.0.0.1:1080' });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /^sallyport: ALL_PROXY names a proxy of the kind "socks5"/);
  assert.doesNotMatch(ran.stderr, /hunter2/);
});
