import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { FileFault } from '../../platform/file-fault.ts';
import { generateEd25519, privatePem } from '../../platform/keys.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { keyFinder, openKeyset } from '../../wire/keyset.ts';
import { signStatement, verifyStatement } from '../../wire/signed.ts';
import { X509Certificate } from 'node:crypto';
import { loadOrCreateAuthorityKeys, type Authorities } from './authority-keys.ts';
import { renewServerIdentity, type ServerIdentity } from './server-identity.ts';

const dayMs = 24 * 3_600_000;

class Place {
  readonly dir: string;
  readonly clock = new ManualClock();

  constructor(t: TestContext) {
    const base = mkdtempSync(join(tmpdir(), 'sallyport-pki-'));
    t.after(() => rmSync(base, { recursive: true }));
    this.dir = join(base, 'keys');
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  start(change: { readonly trustDomain?: string; readonly env?: string } = {}): Promise<Authorities> {
    const { dir, clock } = this;
    return loadOrCreateAuthorityKeys({
      dir,
      clock,
      random: systemRandom,
      trustDomain: 'gate.example.com',
      env: 'prod',
      ...change,
    });
  }

  async server(dnsNames = ['gate.example.com'], ipAddresses = ['127.0.0.1', '::1']): Promise<ServerIdentity> {
    const authorities = await this.start();
    const { dir, clock } = this;
    return renewServerIdentity({
      authorities,
      dir,
      clock,
      random: systemRandom,
      id: 'authority',
      dnsNames,
      ipAddresses,
    });
  }
}

function says(words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SallyportError || error instanceof FileFault, String(error));
    assert.match(`${error.message}; ${error.next ?? ''}`, words);
    return true;
  };
}

test('the first start makes everything, private, and a second one finds it unchanged', async (t) => {
  const place = new Place(t);
  const first = await place.start();
  assert.deepEqual(first.made, ['root', 'issuing_ca', 'keyset']);
  assert.equal(statSync(place.dir).mode & 0o777, 0o700);
  for (const name of readdirSync(place.dir))
    assert.equal(statSync(place.path(name)).mode & 0o777, 0o600, name);
  const second = await place.start();
  assert.deepEqual(second.made, []);
  assert.deepEqual(second.warnings, []);
  assert.equal(second.rootFingerprint, first.rootFingerprint);
  assert.equal(second.keysetStatement, first.keysetStatement);
  assert.equal(second.issuingCa.certificatePem, first.issuingCa.certificatePem);
  assert.equal(second.passSigner.kid, first.passSigner.kid);
});

test('the keyset opens with the root only, and each key is good for its own purpose', async (t) => {
  const keys = await new Place(t).start();
  const root = new X509Certificate(keys.rootPem);
  const opened = openKeyset(keys.keysetStatement, root);
  assert.deepEqual(opened?.keyset, keys.keyset);
  assert.equal(opened?.root, root);
  const other = await new Place(t).start();
  assert.equal(openKeyset(keys.keysetStatement, new X509Certificate(other.rootPem)), undefined);
  const pass = signStatement('pass', { n: 1 }, keys.passSigner);
  assert.ok(verifyStatement('pass', pass, keyFinder(keys.keyset, 'pass')).ok);
  assert.ok(!verifyStatement('pass', pass, keyFinder(keys.keyset, 'checkpoint')).ok);
});

test('L20 a key directory or key file that others can read keeps the authority from starting', async (t) => {
  const place = new Place(t);
  await place.server();
  for (const name of readdirSync(place.dir)) {
    chmodSync(place.path(name), 0o640);
    await assert.rejects(place.server(), says(/can be reached by others \(mode 640\); chmod 600/), name);
    chmodSync(place.path(name), 0o600);
  }
  chmodSync(place.dir, 0o755);
  await assert.rejects(place.start(), says(/mode 755\); chmod 700/));
});

test('a first start that was cut short anywhere is finished by the next one', async (t) => {
  const order = [
    'root.key',
    'root.pem',
    'issuing.pem',
    'pass.key',
    'checkpoint.key',
    'assertion.key',
    'keyset.txt',
  ];
  for (let kept = 0; kept < order.length; kept++) {
    const place = new Place(t);
    const whole = await place.start();
    for (const name of order.slice(kept)) rmSync(place.path(name));
    const again = await place.start();
    assert.ok(again.made.includes('keyset'));
    assert.equal(again.keyset.version, 1);
    assert.equal(again.rootFingerprint === whole.rootFingerprint, kept >= 1, `${kept}`);
  }
});

test('a key that the keyset names is never made anew: missing or another, the start says which', async (t) => {
  for (const name of ['root.pem', 'issuing.pem', 'pass.key', 'checkpoint.key', 'assertion.key']) {
    const place = new Place(t);
    await place.start();
    rmSync(place.path(name));
    await assert.rejects(place.start(), says(new RegExp(`${name}" is missing; restore`)));
  }
  const place = new Place(t);
  await place.start();
  writeFileSync(place.path('pass.key'), privatePem(generateEd25519().privateKey));
  await assert.rejects(place.start(), says(/names other keys/));
});

test('damaged and foreign files are refused by name', async (t) => {
  const other = new Place(t);
  await other.start();
  for (const [name, words] of [
    ['root.key', /"root\.pem"/],
    ['root.pem', /not signed by the root|not the key of|names other keys/],
    ['issuing.pem', /was not signed by the root/],
    ['keyset.txt', /was not signed by the root/],
  ] as const) {
    const place = new Place(t);
    await place.start();
    renameSync(place.path(name), place.path('kept'));
    copyFileSync(other.path(name), place.path(name));
    await assert.rejects(place.start(), says(words), name);
  }
  for (const name of ['root.key', 'root.pem', 'issuing.pem', 'pass.key', 'keyset.txt']) {
    const place = new Place(t);
    await place.start();
    writeFileSync(place.path(name), 'nonsense');
    await assert.rejects(place.start(), says(new RegExp(name)), name);
  }
});

test('a directory that was made for another name is refused', async (t) => {
  const place = new Place(t);
  await place.start();
  await assert.rejects(
    place.start({ trustDomain: 'other.example.com' }),
    says(/belongs to "gate\.example\.com"/),
  );
  await assert.rejects(place.start({ env: 'test' }), says(/\(prod\), not to .* \(test\)/));
});

test('a clock before the root was made is refused with both dates', async (t) => {
  const place = new Place(t);
  await place.start();
  place.clock.setNow(place.clock.now() - dayMs);
  await assert.rejects(
    place.start(),
    says(/says 2029-12-31T00:00Z, before the root was made \(2029-12-31T23:59Z\); set/),
  );
});

test('the keyset is signed again, one version higher, when a third of its life is left', async (t) => {
  const place = new Place(t);
  const first = await place.start();
  place.clock.advance((limits.keysetLifeMs * 2) / 3);
  assert.deepEqual((await place.start()).made, []);
  place.clock.advance(1_000);
  const renewed = await place.start();
  assert.deepEqual(renewed.made, ['keyset']);
  assert.equal(renewed.keyset.version, 2);
  assert.deepEqual(renewed.keyset.keys, first.keyset.keys);
});

test('the issuing CA is renewed in time, with its key, so that older leaves stay good', async (t) => {
  const place = new Place(t);
  const first = await place.start();
  place.clock.advance((limits.issuingCaLifeMs * 2) / 3 + dayMs);
  const renewed = await place.start();
  assert.deepEqual(renewed.made, ['issuing_ca', 'keyset']);
  assert.ok(renewed.issuingCa.privateKey.equals(first.issuingCa.privateKey));
  assert.notEqual(renewed.issuingCa.certificatePem, first.issuingCa.certificatePem);
  assert.deepEqual((await place.start()).made, []);
});

test('an offline root key changes nothing until something is due, then warns, then refuses', async (t) => {
  const place = new Place(t);
  await place.start();
  const kept = join(place.dir, '..', 'root.key');
  renameSync(place.path('root.key'), kept);
  assert.deepEqual((await place.start()).warnings, []);
  place.clock.advance((limits.keysetLifeMs * 2) / 3 + dayMs);
  const [warning = ''] = (await place.start()).warnings;
  assert.match(warning, /keyset expires on 2030-04-01 and the root key is offline; put "root\.key" back/);
  place.clock.advance(limits.keysetLifeMs / 3);
  await assert.rejects(place.start(), says(/keyset expired on 2030-04-01.*; put "root\.key" back/));
  renameSync(kept, place.path('root.key'));
  assert.deepEqual((await place.start()).made, ['keyset']);
});

test('the server identity survives a restart and is renewed when due or when its names change', async (t) => {
  const place = new Place(t);
  const first = await place.server();
  assert.equal(first.isNew, true);
  assert.equal((await place.server()).serial, first.serial);
  assert.equal((first.cert.match(/BEGIN CERTIFICATE/g) ?? []).length, 3);
  const renamed = await place.server(['gate.example.com', 'gate.internal']);
  assert.equal(renamed.isNew, true);
  assert.equal((await place.server(['gate.internal', 'gate.example.com'])).isNew, false);
  assert.equal((await place.server(['gate.internal', 'gate.example.com'], ['127.0.0.1'])).isNew, true);
  place.clock.advance(limits.authorityCertificateLifeMs);
  const renewed = await place.server();
  assert.equal(renewed.isNew, true);
  assert.ok(renewed.renewAt > place.clock.now() && renewed.renewAt < renewed.notAfter);
});
