import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { generateEd25519, storePrivateKey } from '../../platform/keys.ts';
import { systemRandom } from '../../platform/random.ts';
import { loadOrCreateAuthorityKeys, rotateKeys } from './authority-keys.ts';
import { inspectKeys, keyFacts } from './inspect-keys.ts';

function place(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'sallyport-inspect-'));
  t.after(() => rmSync(base, { recursive: true }));
  const clock = new ManualClock();
  return {
    dir: join(base, 'keys'),
    clock,
    random: systemRandom,
    trustDomain: 'gate.example.com',
    env: 'prod',
  };
}

function listing(dir: string): readonly string[] {
  return readdirSync(dir).map((name) => {
    const path = join(dir, name);
    return `${name} ${statSync(path).mtimeMs} ${readFileSync(path, 'hex')}`;
  });
}

test('it says what the broker would say, and touches nothing that is due', async (t) => {
  const options = place(t);
  const made = await loadOrCreateAuthorityKeys(options);
  assert.deepEqual(await inspectKeys(options.dir), keyFacts(made));
  options.clock.advance(limits.keysetLifeMs - 1_000);
  const before = listing(options.dir);
  await inspectKeys(options.dir);
  assert.deepEqual(listing(options.dir), before);
  await rotateKeys(options, 'root');
  assert.deepEqual(await inspectKeys(options.dir), keyFacts(await loadOrCreateAuthorityKeys(options)));
});

test('what is missing, or belongs to other keys, is named', async (t) => {
  const options = place(t);
  const other = place(t);
  await loadOrCreateAuthorityKeys(options);
  await loadOrCreateAuthorityKeys(other);
  const { privateKey } = generateEd25519();
  await storePrivateKey(join(options.dir, 'pass.key'), privateKey);
  await assert.rejects(inspectKeys(options.dir), /names other keys than those beside it/);
  rmSync(join(options.dir, 'pass.key'));
  await assert.rejects(inspectKeys(options.dir), /pass\.key" is missing/);
  rmSync(join(other.dir, 'root.pem'));
  await assert.rejects(inspectKeys(other.dir), /root\.pem" is missing/);
});
