import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { systemRandom } from '../../platform/random.ts';
import { loadOrCreateAuthorityKeys, rotateKeys, type AuthorityKeysOptions } from './authority-keys.ts';

function place(t: TestContext): AuthorityKeysOptions & { readonly clock: ManualClock } {
  const base = mkdtempSync(join(tmpdir(), 'sallyport-rotate-'));
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

test('a rotation makes another key, names it in the next keyset, and takes the old one until its leaves have ended', async (t) => {
  const options = place(t);
  const before = await loadOrCreateAuthorityKeys(options);
  await rotateKeys(options, 'issuing');
  const after = await loadOrCreateAuthorityKeys(options);
  assert.notEqual(after.issuingCa.certificate.serialNumber, before.issuingCa.certificate.serialNumber);
  assert.equal(after.keyset.version, before.keyset.version + 1);
  assert.equal(after.rootFingerprint, before.rootFingerprint);
  const serials = (keys: typeof after): readonly string[] =>
    keys.acceptedIssuers.map((ca) => ca.serialNumber);
  assert.deepEqual(serials(after), [
    after.issuingCa.certificate.serialNumber,
    before.issuingCa.certificate.serialNumber,
  ]);
  assert.ok(!readFileSync(join(options.dir, 'issuing.retired.json'), 'utf8').includes('PRIVATE'));

  await rotateKeys(options, 'issuing');
  assert.equal((await loadOrCreateAuthorityKeys(options)).acceptedIssuers.length, 3);
  options.clock.advance(limits.humanCertificateLifeMs + 1);
  const later = await loadOrCreateAuthorityKeys(options);
  assert.deepEqual(serials(later), [later.issuingCa.certificate.serialNumber]);
});

test('power that goes in the middle leaves the old CA, or the new one, and nothing in between', async (t) => {
  const options = place(t);
  await loadOrCreateAuthorityKeys(options);
  const saved = (name: string): string => join(options.dir, '..', name);
  const own = (name: string): string => join(options.dir, name);
  for (const name of ['issuing.pem', 'keyset.txt']) copyFileSync(own(name), saved(`old-${name}`));
  await rotateKeys(options, 'issuing');
  for (const name of ['issuing.pem', 'keyset.txt']) copyFileSync(own(name), saved(`new-${name}`));
  const rotated = await loadOrCreateAuthorityKeys(options);

  // The new CA lies beside, and the keyset does not name it yet.
  copyFileSync(saved('old-issuing.pem'), own('issuing.pem'));
  copyFileSync(saved('old-keyset.txt'), own('keyset.txt'));
  copyFileSync(saved('new-issuing.pem'), own('issuing.next.pem'));
  const still = await loadOrCreateAuthorityKeys(options);
  assert.notEqual(still.issuingCa.certificate.serialNumber, rotated.issuingCa.certificate.serialNumber);
  assert.ok(!existsSync(own('issuing.next.pem')));

  // The keyset names it, and its file has not taken the place yet.
  copyFileSync(saved('new-keyset.txt'), own('keyset.txt'));
  copyFileSync(saved('new-issuing.pem'), own('issuing.next.pem'));
  const done = await loadOrCreateAuthorityKeys(options);
  assert.equal(done.issuingCa.certificate.serialNumber, rotated.issuingCa.certificate.serialNumber);
});

test('without the root key nothing is rotated, and a damaged list is refused with words', async (t) => {
  const options = place(t);
  await loadOrCreateAuthorityKeys(options);
  const root = join(options.dir, 'root.key');
  copyFileSync(root, join(options.dir, '..', 'root.key'));
  rmSync(root);
  await assert.rejects(rotateKeys(options, 'issuing'), { code: 'conflict', message: /root key is not here/ });
  writeFileSync(join(options.dir, 'issuing.retired.json'), '{"retired":[{}]}', { mode: 0o600 });
  await assert.rejects(loadOrCreateAuthorityKeys(options), /issuing\.retired\.json" is damaged/);
});
