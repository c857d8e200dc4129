// The console's certificate before a real TLS client: its own root, which can sign for one name alone, and the files
// that an owner brings.

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { authority } from '../../src/authority/pki/ca.ts';
import { consoleIdentity, type ConsoleIdentity } from '../../src/authority/pki/console-identity.ts';
import { KeyFiles } from '../../src/authority/pki/key-files.ts';
import { limits } from '../../src/core/limits.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { ensurePrivateDir } from '../../src/platform/files.ts';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../src/platform/x509.ts';
import { peerOf } from '../../src/wire/tls-peer.ts';

const host = 'gate.example.com';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-console-'));
  await ensurePrivateDir(join(folder, 'keys'));
});
afterEach(async () => await rm(folder, { recursive: true }));

async function make(
  more: {
    readonly host?: string;
    readonly clock?: ManualClock;
    readonly files?: { certificate: string; key: string };
  } = {},
): Promise<ConsoleIdentity> {
  const { files } = more;
  return await consoleIdentity({
    config: { host: more.host ?? host, port: 7443, ...(files === undefined ? {} : { files }) },
    dir: join(folder, 'keys'),
    clock: more.clock ?? systemClock,
    random: systemRandom,
  });
}

/** How a client that trusts `root` alone takes it. */
async function handshake(
  server: Pick<ConsoleIdentity, 'key' | 'cert'>,
  root: string,
  name = host,
): Promise<string> {
  const listening = createServer({ key: server.key, cert: server.cert }, (socket) => socket.end());
  listening.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, servername: name, ca: root });
  try {
    const refused = once(socket, 'error').then(([error]) => (error as Error).message);
    return await Promise.race([
      new Promise<string>((resolve) => socket.once('secureConnect', () => resolve('trusted'))),
      refused,
    ]);
  } finally {
    socket.destroy();
    listening.close();
  }
}

test('whoever installs the root trusts the console, and its certificate is no peer of the broker', async () => {
  const made = await make();
  assert.equal(await handshake(made, made.root ?? ''), 'trusted');
  assert.equal(typeof peerOf(new X509Certificate(made.cert)), 'string');
  assert.deepEqual(await make(), made);
});

test('the root can sign for no other name, and for no CA', async () => {
  const made = await make();
  const key = await new KeyFiles(join(folder, 'keys')).readText('console-root.key');
  const root = authority(made.root ?? '', createPrivateKey(key ?? ''));
  const forged = generateP256();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=bank.example',
    issuer: new x509.X509Certificate(root.certificate.raw).subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    publicKey: toCryptoKey(createPublicKey(forged.privateKey)),
    signingKey: toCryptoKey(root.privateKey),
    signingAlgorithm: signingAlgorithmOf(root.privateKey),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'bank.example' }])],
  });
  const server = { key: privatePem(forged.privateKey), cert: certificate.toString('pem') };
  assert.equal(await handshake(server, made.root ?? '', 'bank.example'), 'permitted subtree violation');
});

test('it is renewed in time; another host has another root', async () => {
  const clock = new ManualClock({ now: Date.now() });
  const made = await make({ clock });
  clock.advance((limits.consoleCertificateLifeMs / 3) * 2 + 3_600_000);
  const renewed = await make({ clock });
  assert.notEqual(renewed.cert, made.cert);
  assert.equal(renewed.root, made.root);
  const moved = await make({ clock, host: 'access.example.com' });
  assert.notEqual(moved.root, made.root);
  // Also one that the old name begins with: its root could not sign for it.
  const shorter = await make({ clock, host: 'access.example' });
  assert.notEqual(shorter.root, moved.root);
});

test('the owner’s own files are used as they are, and each fault of them has words', async () => {
  const made = await make();
  const files = { certificate: join(folder, 'chain.pem'), key: join(folder, 'key.pem') };
  await assert.rejects(make({ files }), /chain.pem" cannot be read/);
  await writeFile(files.certificate, made.cert);
  await assert.rejects(make({ files }), /key.pem" is missing/);
  await writeFile(files.key, made.key, { mode: 0o644 });
  await assert.rejects(make({ files }), /key.pem/);
  await chmod(files.key, 0o600);
  const { key, cert, root } = await make({ files });
  assert.deepEqual([key, cert, root], [made.key, made.cert, undefined]);
  await assert.rejects(make({ files, host: 'other.example.com' }), /is not for "other.example.com"/);
  const later = new ManualClock({ now: Date.now() + 2 * limits.consoleCertificateLifeMs });
  await assert.rejects(make({ files, clock: later }), /ended at/);
  await writeFile(files.key, privatePem(generateP256().privateKey), { mode: 0o600 });
  await assert.rejects(make({ files }), /is not the key of/);
});
