// `npm run demo -- --script`, as on a machine that has just cloned it: every step does what it should, and
// afterwards nothing is left, neither a process nor a file.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPostgres, startPostgres } from '../../src/cli/demo/postgres.ts';
import { pidsWithEnvironment } from './proc.ts';
import { Program } from './program.ts';

const postgres = await findPostgres();

test('the demo plays by itself, and leaves nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sp-demo-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  // The database runs under another account, and has to get to its own folder in here.
  await chmod(folder, 0o711);
  const env = { HOME: folder, TMPDIR: folder, SALLYPORT_TEST_STAGE: folder };
  const demo = new Program(['demo', '--script'], { env });
  demo.child.stdin.end();
  const { code, stdout, stderr } = await demo.finished();
  assert.equal(code, 0, stdout + stderr);
  const lines = stdout.trim().split('\n');
  const bad = lines.slice(0, -1).filter((line) => !line.startsWith('ok '));
  const psql = postgres === undefined ? /^- {6}psql .*: skipped: no PostgreSQL/ : /^ok {5}psql .* 1000 rows/;
  assert.ok(
    lines.some((line) => psql.test(line)),
    stdout,
  );
  assert.equal(bad.length, postgres === undefined ? 1 : 0, bad.join('\n'));
  assert.deepEqual(pidsWithEnvironment('SALLYPORT_TEST_STAGE', folder), []);
  // Node keeps compiled code there, for whoever starts it next.
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name !== 'node-compile-cache'),
    [],
  );
});

test('PostgreSQL is found where server and client are, and not where one is missing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sp-demo-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const put = async (...path: readonly [string, string]): Promise<string> => {
    await mkdir(join(folder, path[0]), { recursive: true });
    await writeFile(join(folder, ...path), '#!/bin/sh\n', { mode: 0o755 });
    return join(folder, ...path);
  };
  const places = ['old', 'new', 'client'].map((name) => join(folder, name));
  assert.equal(await findPostgres(places), undefined);
  await put('old', 'initdb');
  await put('client', 'postgres');
  const psql = await put('client', 'psql');
  assert.equal(await findPostgres(places), undefined);
  const found = { initdb: await put('new', 'initdb'), postgres: await put('new', 'postgres'), psql };
  assert.deepEqual(await findPostgres(places), found);
});

const whyNoPostgres = postgres === undefined ? 'no PostgreSQL on this machine' : false;

test('a database that does not start says why, and leaves no folder', { skip: whyNoPostgres }, async () => {
  assert.ok(postgres !== undefined);
  const before = (await readdir(tmpdir())).filter((name) => name.startsWith('sallyport-postgres-'));
  await assert.rejects(startPostgres({ ...postgres, initdb: '/bin/false' }), /initdb ended with 1/);
  await assert.rejects(startPostgres({ ...postgres, postgres: '/bin/false' }), /postgres ended with 1/);
  await assert.rejects(startPostgres({ ...postgres, postgres: '/nowhere' }), /ENOENT/);
  const after = (await readdir(tmpdir())).filter((name) => name.startsWith('sallyport-postgres-'));
  assert.deepEqual(after, before);
});
