// The console's certificate from an ACME authority: a real one for tests (pebble, RFC 8555), which looks at the broker's
// one port (TLS-ALPN-01), or at the DNS that the owner's command sets (DNS-01).

import assert from 'node:assert/strict';
import { spawnSync, type ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import { askHttps } from '../../src/authority/https-answer.ts';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';
import { until } from './program.ts';
import { Stage } from './stage.ts';

const host = 'gate.example.com';
const isMissing = ['pebble', 'pebble-challtestsrv'].some(
  (name) => spawnSync(name, ['-h']).error !== undefined,
);

suite('a certificate that is asked for', { skip: isMissing ? 'needs pebble' : false }, () => {
  let stage: Stage;
  let children: ChildProcess[];
  let directory: string;
  let management: string;
  let dns: string;
  let caFile: string;
  let ca: string;

  function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
    children.push(child);
  }

  beforeEach(async () => {
    children = [];
    stage = await Stage.open();
    const [acmePort, managementPort, dnsPort, dnsManagementPort] = await Promise.all(
      Array.from({ length: 4 }, async () => await freePort()),
    );
    const port = Number(stage.address.split(':')[1]);
    const now = Date.now();
    const pki = await makePki(now);
    const leaf = await makeLeaf(pki.issuing, 'authority', { now });
    ca = pki.root.certificatePem;
    caFile = join(stage.folder, 'pebble-ca.pem');
    const [certificate, privateKey, config] = ['cert.pem', 'key.pem', 'pebble.json'].map((name) =>
      join(stage.folder, name),
    ) as [string, string, string];
    await writeFile(caFile, ca);
    await writeFile(certificate, leaf.chainPem);
    await writeFile(privateKey, privatePem(leaf.privateKey), { mode: 0o600 });
    const pebble = {
      listenAddress: `127.0.0.1:${acmePort}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate,
      privateKey,
      // Where it looks for the challenge: the broker's one port.
      tlsPort: port,
      httpPort: 1,
    };
    await writeFile(config, JSON.stringify({ pebble }));
    dns = `http://127.0.0.1:${dnsManagementPort}`;
    const server = ['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagementPort}`];
    const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
    start('pebble-challtestsrv', [...server, ...off]);
    start('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${dnsPort}`], { PEBBLE_VA_NOSLEEP: '1' });
    directory = `https://127.0.0.1:${acmePort}/dir`;
    management = `https://127.0.0.1:${managementPort}`;
    await until('pebble answers', async () => {
      const answer = await askHttps(new URL(directory), { ca }).catch(() => undefined);
      return answer?.status === 200;
    });
  });
  afterEach(async () => {
    await stage.close();
    for (const child of children) {
      if (child.exitCode !== null) continue;
      child.kill();
      await once(child, 'exit');
    }
  });

  async function runBroker(more = ''): Promise<void> {
    const port = stage.address.split(':')[1] ?? '';
    await mkdir(stage.dataDir, { recursive: true, mode: 0o700 });
    const yaml = `name: localhost
console: ${host}:${port}
acme: ${directory}
acmeTerms: agreed
acmeContact: ops@example.com
acmeCaFile: ${caFile}
${more}`;
    await writeFile(join(stage.dataDir, 'broker.yaml'), yaml, { mode: 0o600 });
    await stage.signInPeople(await stage.startBroker());
  }

  /** As a browser that trusts only the authority; undefined where it does not take what it is shown. */
  async function shown(): Promise<PeerCertificate | undefined> {
    const root = (await askHttps(new URL(`${management}/roots/0`), { ca })).body.toString('utf8');
    const [name = '', port = ''] = stage.address.split(':');
    const socket = connect({
      host: name,
      port: Number(port),
      servername: host,
      ca: root,
      ALPNProtocols: ['http/1.1'],
    });
    try {
      await once(socket, 'secureConnect');
      return socket.getPeerCertificate();
    } catch {
      return undefined;
    } finally {
      socket.destroy();
    }
  }

  async function events(outcome: string): Promise<readonly unknown[]> {
    const found = await stage.events('--type', 'console.certificate');
    return found.filter((event) => (event as unknown as { outcome: string }).outcome === outcome);
  }

  test('TLS-ALPN-01 on the one port: given, shown to browsers, kept, and not asked for again', async () => {
    await runBroker();
    await until('the certificate is shown', async () => (await shown()) !== undefined);
    const first = await shown();
    assert.equal(first?.subjectaltname, `DNS:${host}`);
    assert.equal((await events('success')).length, 1);
    await stage.broker?.end();
    await stage.startBroker();
    assert.equal((await shown())?.serialNumber, first?.serialNumber, 'it is the one that was kept');
    assert.equal((await stage.admin('whoami')).code, 0, 'our own programs go on by our own root');
    const told = await stage.run(['trust', '--json'], stage.surroundings('admin'));
    assert.equal(
      (JSON.parse(told.stdout) as { needed: boolean }).needed,
      false,
      'nothing is to be installed',
    );
  });

  test('DNS-01 through a command of the owner', async () => {
    const hook = join(stage.folder, 'hook.mjs');
    const script = `#!${process.execPath}
const [, , what, name, value] = process.argv;
const path = what === 'present' ? 'set-txt' : 'clear-txt';
const answer = await fetch('${dns}/' + path, { method: 'POST', body: JSON.stringify({ host: name + '.', value }) });
process.exit(answer.ok ? 0 : 1);
`;
    await writeFile(hook, script, { mode: 0o700 });
    await runBroker(`acmeHook: ${hook}\n`);
    await until('the certificate is shown', async () => (await shown()) !== undefined);
  });

  test('an order that fails leaves the console reachable by its own root, and the log says why and when again', async () => {
    const hook = join(stage.folder, 'hook.sh');
    await writeFile(hook, '#!/bin/sh\necho "no such zone" >&2\nexit 1\n', { mode: 0o700 });
    await runBroker(`acmeHook: ${hook}\n`);
    await until('the failure is on the log', async () => (await events('failure')).length === 1);
    const [event] = (await events('failure')) as readonly {
      readonly body: Readonly<Record<string, unknown>>;
    }[];
    assert.match(String(event?.body['why']), /present" failed: no such zone/);
    assert.equal(event?.body['againAfterMs'], 15 * 60_000);
    assert.equal(await shown(), undefined);
    const told = await stage.run(
      ['trust', '--json', '--out', join(stage.folder, 'root.pem')],
      stage.surroundings('admin'),
    );
    assert.equal(told.code, 0, told.stderr);
  });
});
