// providers.yaml as people write it, rightly and wrongly.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readProviders } from '../../src/authority/providers/config.ts';

let folder: string;
let secretFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-providers-'));
  secretFile = join(folder, 'secret');
  await writeFile(secretFile, ' a secret\n', { mode: 0o600 });
});
afterEach(async () => await rm(folder, { recursive: true }));

const whole = {
  title: 'SSO',
  issuer: 'https://id.example.com',
  clientId: 'sallyport',
  roles: '{ ops: [operator] }',
};

async function read(changes: Readonly<Record<string, string | undefined>> = {}, name = 'sso', more = '') {
  const lines = Object.entries({ ...whole, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key}: ${value}`);
  const yaml = `providers:\n  ${name}:\n${lines.join('\n')}\n${more}`;
  await writeFile(join(folder, 'providers.yaml'), yaml);
  return await readProviders(folder);
}

test('no file: no provider; a whole one is read, with what it leaves away', async () => {
  assert.equal((await readProviders(folder)).providers.size, 0);
  const provider = (await read({ clientSecretFile: secretFile })).providers.get('sso');
  assert.deepEqual(provider, {
    name: 'sso',
    title: 'SSO',
    tenant: 'default',
    issuer: 'https://id.example.com',
    clientId: 'sallyport',
    clientSecret: 'a secret',
    scopes: ['profile', 'groups'],
    nameClaim: 'preferred_username',
    groupsClaim: 'groups',
    roles: new Map([['ops', ['operator']]]),
  });
  assert.equal((await read()).providers.get('sso')?.clientSecret, undefined, 'a public client');
});

test('each fault has words, and keeps the broker from starting', async () => {
  const cases: readonly [Readonly<Record<string, string | undefined>>, RegExp][] = [
    [{ issuer: 'http://id.example.com' }, /providers.sso.issuer/],
    [{ issuer: 'https://id.example.com/?x=1' }, /write it as its tokens do/],
    [{ clientId: undefined }, /providers.sso.clientId/],
    [{ roles: undefined }, /providers.sso.roles/],
    [{ roles: '{ ops: [king] }' }, /providers.sso.roles.ops/],
    [{ roles: '{ acme: [vendor] }' }, /providers.sso.roles.acme/],
    [{ roles: '{ boss: [owner] }' }, /providers.sso.roles.boss/],
    [{ scopes: '["two words"]' }, /is no scope/],
    [{ clientSecretFile: join(folder, 'nothing') }, /the secret of "sso" .* is missing/],
    [{ secret: 'x' }, /secret/],
  ];
  for (const [changes, words] of cases) await assert.rejects(read(changes), words);
  await assert.rejects(read({}, 'SSO'), /lower case/);
  await assert.rejects(read({}, 'sso', 'caFile: /nowhere/ca.pem\n'), /"caFile" that is of no use/);
  const twice = `  other: { title: B, issuer: https://id.example.com, clientId: x, roles: { a: [] } }\n`;
  await assert.rejects(read({}, 'sso', twice), /has the issuer "https:\/\/id.example.com" twice/);
});

test('the example of docs/providers.md is whole', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/providers.md'), 'utf8');
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
  const here = example
    .replace(/clientSecretFile: \S+/, `clientSecretFile: ${secretFile}`)
    .replace(/caFile: \S+/, `caFile: ${secretFile}`);
  await writeFile(join(folder, 'providers.yaml'), here);
  assert.deepEqual([...(await readProviders(folder)).providers.keys()], ['example']);
});
