import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { openKeyset } from '../../wire/keyset.ts';
import {
  loadOrCreateAuthorityKeys,
  rotateKeys,
  type Authorities,
  type AuthorityKeysOptions,
} from './authority-keys.ts';
import { renewServerIdentity } from './server-identity.ts';

function place(t: TestContext): AuthorityKeysOptions & { readonly clock: ManualClock } {
  const base = mkdtempSync(join(tmpdir(), 'sallyport-root-'));
  t.after(() => rmSync(base, { recursive: true }));
  const dir = join(base, 'keys');
  return {
    dir,
    clock: new ManualClock(),
    random: systemRandom,
    trustDomain: 'gate.example.com',
    env: 'prod',
  };
}

function follows(from: Authorities, to: Authorities): boolean {
  const opened = openKeyset(to.keysetStatement, new X509Certificate(from.rootPem));
  return opened?.root.publicKey.equals(new X509Certificate(to.rootPem).publicKey) === true;
}

test('another root comes with another issuing CA and the next keyset, and old pins lead to it', async (t) => {
  const options = place(t);
  const first = await loadOrCreateAuthorityKeys(options);
  await rotateKeys(options, 'root');
  const second = await loadOrCreateAuthorityKeys(options);
  await rotateKeys(options, 'root');
  const third = await loadOrCreateAuthorityKeys(options);
  assert.equal(new Set([first, second, third].map((keys) => keys.rootFingerprint)).size, 3);
  assert.equal(third.keyset.version, first.keyset.version + 2);
  assert.ok(follows(first, third) && follows(second, third) && follows(third, third));
  assert.ok(!follows(third, second), 'there is no way back');
  assert.equal(third.acceptedIssuers.length, 3);
  assert.equal(third.passSigner.kid, first.passSigner.kid);
  assert.deepEqual(third.made, []);
  const names = { id: 'authority-1', dnsNames: ['gate.example.com'], ipAddresses: [] };
  const identity = await renewServerIdentity({ authorities: third, ...options, ...names });
  assert.equal(identity.cert.match(/BEGIN CERTIFICATE/g)?.length, 5);
  const again = await renewServerIdentity({ authorities: third, ...options, ...names });
  assert.equal(again.isNew, false);

  assert.equal(third.trustedRootsPem.match(/BEGIN CERTIFICATE/g)?.length, 3);
  options.clock.advance(limits.humanCertificateLifeMs + 1);
  const later = await loadOrCreateAuthorityKeys(options);
  assert.equal(later.trustedRootsPem, later.rootPem, 'an old root signs nothing that is taken any more');
});

test('a keyset that is renewed under the new root still leads old pins to it', async (t) => {
  const options = place(t);
  const first = await loadOrCreateAuthorityKeys(options);
  await rotateKeys(options, 'root');
  options.clock.advance(limits.keysetLifeMs - 1_000);
  const renewed = await loadOrCreateAuthorityKeys(options);
  assert.deepEqual(renewed.made, ['keyset']);
  assert.ok(follows(first, renewed));
});

test('power that goes at any write of it leaves the old root, or the new one, and nothing in between', async (t) => {
  const options = place(t);
  const { dir } = options;
  await loadOrCreateAuthorityKeys(options);
  const old = `${dir}-old`;
  cpSync(dir, old, { recursive: true });
  await rotateKeys(options, 'root');
  const done = await loadOrCreateAuthorityKeys(options);
  const fresh = `${dir}-new`;
  cpSync(dir, fresh, { recursive: true });

  // In the order of the writes: what lies beside, the keyset, then what takes its place.
  const writes: readonly (readonly [from: string, to: string])[] = [
    ['roots.pem', 'roots.next.pem'],
    ['root', 'root.next.pem'],
    ['issuing.pem', 'issuing.next.pem'],
    ['issuing.retired.json', 'issuing.retired.json'],
    ['keyset.txt', 'keyset.txt'],
    ['issuing.pem', 'issuing.pem'],
    ['roots.pem', 'roots.pem'],
    ['root.key', 'root.key'],
    ['root.pem', 'root.pem'],
  ];
  for (let count = 0; count <= writes.length; count += 1) {
    for (const name of readdirSync(dir)) rmSync(join(dir, name));
    for (const name of readdirSync(old)) copyFileSync(join(old, name), join(dir, name));
    for (const [from, to] of writes.slice(0, count)) {
      if (from !== 'root') copyFileSync(join(fresh, from), join(dir, to));
      else {
        const both =
          readFileSync(join(fresh, 'root.key'), 'utf8') + readFileSync(join(fresh, 'root.pem'), 'utf8');
        writeFileSync(join(dir, to), both, { mode: 0o600 });
      }
    }
    const found = await loadOrCreateAuthorityKeys(options);
    const isNew = count >= 5;
    assert.equal(found.rootFingerprint === done.rootFingerprint, isNew, `after ${count} writes`);
    assert.deepEqual(found.made, [], `after ${count} writes`);
    for (const name of ['root.next.pem', 'roots.next.pem', 'issuing.next.pem']) {
      assert.ok(!existsSync(join(dir, name)), `${name} after ${count} writes`);
    }
  }
});
