import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, silentLog, type LogLevel } from './log.ts';
import { hidden, looksSecret } from './redact.ts';

async function linesOf(fields: object, level: LogLevel = 'info'): Promise<readonly string[]> {
  const lines: string[] = [];
  const log = await createLog({
    component: 'gate',
    level,
    destination: { write: (line) => lines.push(line) },
  });
  log.debug(fields, 'debugged');
  log.info(fields, 'informed');
  return lines;
}

async function fieldsOf(fields: object): Promise<Record<string, unknown>> {
  const [line = ''] = await linesOf(fields);
  return JSON.parse(line) as Record<string, unknown>;
}

test('a line is one JSON object with level, time, component and message', async () => {
  const lines = await linesOf({ session: 'ses_1' });
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(line['level'], 'info');
  assert.equal(line['component'], 'gate');
  assert.equal(line['msg'], 'informed');
  assert.equal(line['session'], 'ses_1');
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('lines below the level are not written', async () => {
  assert.equal((await linesOf({}, 'debug')).length, 2);
  assert.equal((await linesOf({}, 'error')).length, 0);
  assert.equal((await linesOf({}, 'silent')).length, 0);
});

test('what is named like a secret is hidden at any depth', async () => {
  const deep = {
    a: [{ inviteToken: 's3cret', 'x-authorization': 's3cret' }],
    PRIVATE_KEY: 's3cret',
    pass: 's3cret',
  };
  const [line = ''] = await linesOf(deep);
  assert.ok(!line.includes('s3cret'));
  assert.equal((JSON.parse(line) as Record<string, unknown>)['pass'], hidden);
});

test('names that only contain a secret word are not hidden', () => {
  for (const name of ['kid', 'spki', 'passedMs', 'monkey', 'publicKey', 'keyId', 'tokenized']) {
    assert.ok(!looksSecret(name), name);
  }
  for (const name of [
    'token',
    'Authorization',
    'passphrase',
    'set-cookie',
    'clientSecret',
    'apiKey',
    'TOKEN',
  ]) {
    assert.ok(looksSecret(name), name);
  }
});

test('R7 control characters, terminal sequences and bidirectional overrides reach the log escaped', async () => {
  const name = 'x\u001b[2J\u009b31m\u007f\u202etxt\u2028\u{e0041}é';
  const [line = ''] = await linesOf({ name });
  assert.match(line, /^[\x20-\x7eé]+\n$/);
  assert.equal((JSON.parse(line) as Record<string, unknown>)['name'], name);
});

test('nothing that is logged makes the logger throw', async () => {
  const circular: Record<string, unknown> = { big: 5n, bytes: new Uint8Array(3), when: new Date(Number.NaN) };
  circular['self'] = [circular, circular, circular];
  circular['socket'] = new AbortController();
  const error = new Error('outer', { cause: new Error('inner') });
  const line = await fieldsOf({ circular, error, nan: Number.NaN });
  assert.equal((line['error'] as { cause: { message: string } }).cause.message, 'inner');
  const trap = {
    get value(): string {
      throw new Error('no');
    },
  };
  assert.equal((await linesOf(trap)).length, 0);
  silentLog.error(trap, 'nothing');
});

test('an object that fans out gives a bounded line', async () => {
  let wide: unknown = 'x'.repeat(100_000);
  for (let depth = 0; depth < 6; depth++) wide = Array.from({ length: 100 }, () => wide);
  const [line = ''] = await linesOf({ wide });
  assert.ok(line.length < 100_000, `${line.length}`);
});
