// tickets.yaml as people write it, rightly and wrongly.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { at, readTicketSources } from '../../src/authority/tickets/sources.ts';

let folder: string;
let secretFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-tickets-'));
  secretFile = join(folder, 'secret');
  await writeFile(secretFile, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n', { mode: 0o600 });
});
afterEach(async () => await rm(folder, { recursive: true }));

const fields = {
  signature: 'standard',
  ticket: '/number',
  status: '/state',
  open: '[implement]',
  covers: '/devices',
};

async function read(changes: Readonly<Record<string, string | undefined>> = {}, name = 'changes') {
  const lines = Object.entries({ secretFile, ...fields, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `    ${key}: ${value}`);
  await writeFile(join(folder, 'tickets.yaml'), `sources:\n  ${name}:\n${lines.join('\n')}\n`);
  return await readTicketSources(folder);
}

test('no file: no source; a whole one is read, with the secret as Standard Webhooks writes it', async () => {
  assert.equal((await readTicketSources(folder)).size, 0);
  const source = (await read()).get('changes');
  assert.equal(source?.webhook?.secret.length, 24);
  assert.deepEqual(source?.open, ['implement']);
});

test('L20 each fault has words, and keeps the broker from starting', async () => {
  const cases: readonly [Readonly<Record<string, string | undefined>>, RegExp][] = [
    [{ tickets: '/x' }, /tickets/],
    [{ ticket: 'number' }, /"sources.changes.ticket": write a JSON Pointer/],
    [{ signature: 'hub' }, /"sources.changes.changed": its messages carry no signed time/],
    [{ open: '[]' }, /sources.changes.open/],
    [{ covers: undefined }, /sources.changes.covers/],
    [{ secretFile: join(folder, 'nothing') }, /the secret of "changes".*is missing or too short/],
  ];
  for (const [changes, words] of cases) await assert.rejects(read(changes), words);
  await assert.rejects(read({}, 'Changes'), /lower case/);
  await writeFile(secretFile, 'short');
  await assert.rejects(read(), /too short/);
  await chmod(secretFile, 0o644);
  await assert.rejects(read(), /secret/);
});

test('a system that is asked: its place is a host that no ticket changes, its numbers, how often, and what if it is silent', async () => {
  const none = { secretFile: undefined, signature: undefined };
  const written = async (lookUp: Readonly<Record<string, string>>) => {
    const whole = { url: 'https://tickets.example.com/api/{ticket}?fields=a', tickets: '[CHG-]', ...lookUp };
    const inside = Object.entries(whole).map(([key, value]) =>
      `      ${key}: '${value}'`.replace(/'\[(.*)\]'/, '[$1]'),
    );
    return await read({ ...none, lookUp: `\n${inside.join('\n')}` });
  };
  await writeFile(secretFile, 'Bearer abc');
  const source = (await written({ authorizationFile: secretFile })).get('changes');
  assert.deepEqual(source?.lookUp, {
    url: 'https://tickets.example.com/api/{ticket}?fields=a',
    tickets: ['CHG-'],
    everyMs: 30_000,
    whenDown: 'refuse',
    authorization: 'Bearer abc',
  });
  const wrong: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ url: 'http://tickets.example.com/{ticket}' }, /write https:/],
    [{ url: 'https://{ticket}.example.com/' }, /write https:/],
    [{ url: 'https://tickets.example.com@evil/{ticket}' }, /write https:/],
    [{ url: 'https://tickets.example.com/api' }, /write https:/],
    [{ url: 'https://tickets.example.com/{ticket}/{ticket}' }, /write https:/],
    [{ tickets: '[]' }, /lookUp.tickets/],
    [{ every: '1s' }, /from 10s to 5m/],
    [{ whenDown: 'open' }, /whenDown/],
    [{ authorizationFile: join(folder, 'nothing') }, /no value of a header/],
  ];
  for (const [lookUp, words] of wrong) await assert.rejects(written(lookUp), words);
  await assert.rejects(read(none), /say how it tells/);
  await assert.rejects(read({ secretFile: undefined }), /goes with "secretFile"/);
});

test('a JSON Pointer finds what RFC 6901 says', () => {
  const document = { 'a/b': { 'm~n': [1, { x: null }] } };
  assert.equal(at(document, '/a~1b/m~0n/0'), 1);
  assert.equal(at(document, '/a~1b/m~0n/1/x'), null);
  assert.equal(at(document, '/a~1b/none'), undefined);
  assert.equal(at(document, '/a~1b/m~0n/length'), undefined);
  assert.equal(at(document, '/toString'), undefined);
});

test('the examples of docs/tickets.md are whole', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/tickets.md'), 'utf8');
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml ?? '');
  assert.equal(examples.length, 4);
  const authorization = join(folder, 'authorization');
  await writeFile(authorization, 'Bearer abc', { mode: 0o600 });
  for (const example of examples) {
    await writeFile(
      join(folder, 'tickets.yaml'),
      example
        .replace(/secretFile: \S+/, `secretFile: ${secretFile}`)
        .replace(/authorizationFile: \S+/, `authorizationFile: ${authorization}`)
        .replace(/caFile: \S+/, `caFile: ${secretFile}`),
    );
    assert.equal((await readTicketSources(folder)).size, 1);
  }
});
