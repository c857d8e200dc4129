// Opening the sqlite store: what it keeps, what it refuses, and the words it has for it.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Kysely, sql } from 'kysely';
import { newId } from '../../src/core/ids.ts';
import type { SallyportError } from '../../src/core/errors.ts';
import { executedSteps, migrate, migrations } from '../../src/authority/store/migrations.ts';
import type { Tables } from '../../src/authority/store/schema.ts';
import { NodeSqliteDialect } from '../../src/authority/store/sqlite-dialect.ts';
import { openSqliteStore } from '../../src/authority/store/sqlite-store.ts';
import type { Store } from '../../src/authority/store/store.ts';
import { refusal } from '../doubles/refusal.ts';
import { event, identity, lock, notes, partsOf, session, verifyLog } from './store-bodies.ts';

function folderOf(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-open-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

let opened = 0;

/** Each opening has chance of its own, as a process has: the same bytes again would give the same ids. */
const openIn = (folder: string): Promise<Store> =>
  openSqliteStore({
    ...partsOf(`opening ${opened++}`),
    path: join(folder, 'store.db'),
    reservePath: join(folder, 'reserve'),
  });

async function refusalOf(folder: string): Promise<SallyportError> {
  const error = await refusal(openIn(folder).then(async (store) => await store.close()));
  assert.equal(error.code, 'store_unavailable');
  assert.ok(error.next);
  return error;
}

test('a store that is opened again has kept records, revisions, events and the end of the chain', async () => {
  using folder = folderOf();
  const first = await openIn(folder.path);
  const alice = identity('alice');
  await first.commit({ changes: [{ put: 'identity', value: alice }], events: [event('one')] });
  await first.commit({ changes: [{ put: 'identity', value: alice }], events: [event('two')] });
  const head = await first.head();
  await first.close();

  const second = await openIn(folder.path);
  assert.deepEqual(await second.head(), head);
  assert.deepEqual(await second.get('identity', alice.id), { value: alice, rev: 2 });
  await second.commit({ changes: [{ put: 'identity', value: alice, rev: 2 }], events: [event('three')] });
  assert.deepEqual(await notes(second), ['one', 'two', 'three']);
  const times = (await second.events({}, { limit: 9 })).map(({ time }) => time);
  assert.deepEqual(times, [...new Set(times)].sort());
  assert.ok((await verifyLog(second)).ok);
  await second.close();
});

test('R9 every file of the store belongs to its owner alone, also one that was left open to others', async () => {
  using folder = folderOf();
  const path = join(folder.path, 'store.db');
  writeFileSync(path, '');
  chmodSync(path, 0o644);
  const store = await openIn(folder.path);
  await store.commit({ changes: [{ put: 'lock', value: lock() }], events: [event('one')] });
  const modeOf = (name: string): number => statSync(join(folder.path, name)).mode & 0o777;
  const names = readdirSync(folder.path).sort();
  assert.deepEqual(
    names.map((name) => [name, modeOf(name)]),
    [
      ['reserve', 0o600],
      ['store.db', 0o600],
      ['store.db-wal', 0o600],
    ],
  );
  await store.close();
});

test('a store that another process has open is refused', async () => {
  using folder = folderOf();
  const store = await openIn(folder.path);
  const refused = await refusalOf(folder.path);
  assert.match(refused.message, /another process holds the database/);
  assert.match(refused.next ?? '', /stop the other process/);
  await store.close();
  await (await openIn(folder.path)).close();
});

test('a database from a newer version is refused, with the version and what to do, and not touched', async () => {
  using folder = folderOf();
  await (await openIn(folder.path)).close();
  const path = join(folder.path, 'store.db');
  const database = new DatabaseSync(path);
  database.exec("insert into kysely_migration values ('0999_from_the_future', '2040-01-01T00:00:00.000Z')");
  database.close();
  const refused = await refusalOf(folder.path);
  assert.match(refused.message, /written by a newer version: its schema is at "0999_from_the_future"/);
  assert.match(refused.message, /this version knows "0017_tenants"/);
  assert.match(refused.next ?? '', /run that newer version, or restore a backup/);
});

const owned = `enrollment policy lock service session request window ticket approverset breakglass delegation
  change notice`.split(/\s+/);
const beforeTenants = [
  'drop table tenant',
  ...owned.map((table) => `update ${table} set value = json_remove(value, '$.tenant')`),
  ...[...owned, 'identity', 'device'].map((table) => `alter table ${table} drop column tenant`),
  'drop index policy_name; alter table policy drop column name',
  'drop index policy_number; create unique index policy_number on policy (number)',
  'drop index leaf_tenant; alter table leaf drop column tenant',
].join(';');

test('a database from before tenants is brought up: all of it is the broker owner’s', async () => {
  using folder = folderOf();
  const store = await openIn(folder.path);
  const [held, ana, lost] = [session(), identity('ana'), lock()];
  const policy = { id: newId('pol', new Uint8Array(16)), tenant: 'default', number: 7, files: {}, hash: '' };
  const revision = { ...policy, appliedBy: 'system', appliedAt: 0 } as const;
  await store.commit({
    changes: [
      { put: 'session', value: held },
      { put: 'identity', value: ana },
      { put: 'lock', value: lost },
      { put: 'policy', value: revision },
    ],
    events: [event('before')],
  });
  await store.close();
  const database = new DatabaseSync(join(folder.path, 'store.db'));
  database.exec(`${beforeTenants}; delete from kysely_migration where name > '0016_totp'`);
  database.close();

  const again = await openIn(folder.path);
  assert.deepEqual((await again.get('session', held.id))?.value, held);
  assert.deepEqual((await again.list('lock', { tenant: 'default' })).items[0]?.value, lost);
  assert.deepEqual((await again.find('policy', { tenant: 'default', number: 7 }))?.value, revision);
  assert.equal(await again.count('identity', { tenant: 'acme' }), 0);
  const own = async (number: number, tenant: string) =>
    await again.commit({
      changes: [
        { put: 'policy', value: { ...revision, id: newId('pol', randomBytes(16)), number, tenant }, rev: 0 },
      ],
      events: [{ ...event('after'), tenant }],
    });
  await own(7, 'acme');
  await assert.rejects(own(7, 'default'), /is taken/);
  assert.equal((await again.events({ tenant: 'default' }, { limit: 9 })).length, 1);
  assert.equal((await again.events({ tenant: 'acme' }, { limit: 9 })).length, 1);
  await again.close();
});

test('a database from before providers and vendors is brought up: each is himself, and nobody comes from a firm', async () => {
  using folder = folderOf();
  const store = await openIn(folder.path);
  const [one, other] = [identity('ana'), identity('bo')];
  await store.commit({
    changes: [
      { put: 'identity', value: one },
      { put: 'identity', value: other },
      { put: 'session', value: session() },
    ],
    events: [],
  });
  await store.close();
  const database = new DatabaseSync(join(folder.path, 'store.db'));
  database.exec(`drop index identity_subject; alter table identity drop column subject;
    drop index session_vendor; alter table session drop column vendor;
    drop table recovery; drop table totp; ${beforeTenants}; delete from kysely_migration where name > '0012_notices'`);
  database.close();
  const again = await openIn(folder.path);
  for (const { id, name } of [one, other]) {
    assert.equal((await again.find('identity', { subject: id }))?.value.name, name);
  }
  assert.equal(await again.count('session', { vendor: '' }), 1);
  assert.equal(await again.count('recovery', {}), 0);
  const provider = { issuer: 'https://id.example.com', subject: 'u-1' };
  await again.commit({ changes: [{ put: 'identity', value: { ...identity('cy'), provider } }], events: [] });
  const twice = again.commit({
    changes: [{ put: 'identity', value: { ...identity('di'), provider } }],
    events: [],
  });
  await assert.rejects(twice, /is taken/);
  await again.close();
});

test('a file that is no database is refused and not overwritten', async () => {
  using folder = folderOf();
  writeFileSync(join(folder.path, 'store.db'), 'x'.repeat(10_000), { mode: 0o600 });
  assert.match((await refusalOf(folder.path)).message, /the file is not a database/);
  assert.equal(statSync(join(folder.path, 'store.db')).size, 10_000);
});

test('a directory that is missing, is a file, or may not be written is refused with its path', async () => {
  using folder = folderOf();
  assert.match((await refusalOf(join(folder.path, 'missing'))).message, /cannot open ".*store\.db"/);
  writeFileSync(join(folder.path, 'file'), '');
  assert.match((await refusalOf(join(folder.path, 'file'))).message, /no directory/);
  chmodSync(folder.path, 0o500);
  try {
    const refused = await asNobody(() => refusalOf(folder.path));
    assert.match(refused.message, /no permission/);
    assert.match(refused.next ?? '', /check who owns it/);
  } finally {
    chmodSync(folder.path, 0o700);
  }
});

/** Root may write everywhere, so as root this runs for a while as the user nobody. */
async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  const { getuid, seteuid } = process;
  if (getuid?.() !== 0 || seteuid === undefined) return await run();
  seteuid(65_534);
  try {
    return await run();
  } finally {
    seteuid(0);
  }
}

test('a reserve that cannot be had is refused at start, not when it is needed', async () => {
  using folder = folderOf();
  writeFileSync(join(folder.path, 'reserve'), 'not a reserve');
  assert.match((await refusalOf(folder.path)).message, /cannot allocate the reserve ".*reserve"/);
  // The database was let go of: the next try is not told that somebody holds it.
  rmSync(join(folder.path, 'reserve'));
  await (await openIn(folder.path)).close();
});

const inMemory = (): Kysely<Tables> =>
  new Kysely<Tables>({ dialect: new NodeSqliteDialect(new DatabaseSync(':memory:')) });

test('an empty database takes every migration, once, and says which', async () => {
  const db = inMemory();
  assert.deepEqual(await executedSteps(db), []);
  await migrate(db, { name: 'test' });
  assert.deepEqual(await executedSteps(db), Object.keys(migrations));
  await migrate(db, { name: 'test' });
  assert.deepEqual(await executedSteps(db), Object.keys(migrations));
  await db.destroy();
});

test('a database of the first schema keeps its rows and learns the later tables', async () => {
  const db = inMemory();
  const { '0001_records_and_log': first } = migrations;
  assert.ok(first);
  await migrate(db, { name: 'test', known: { '0001_records_and_log': first } });
  await sql`insert into lock (id, rev, value) values ('lck_1', 1, '{}')`.execute(db);
  await migrate(db, { name: 'test' });
  assert.deepEqual(await executedSteps(db), Object.keys(migrations));
  assert.equal((await sql`select id from lock`.execute(db)).rows.length, 1);
  assert.equal((await sql`select id from service`.execute(db)).rows.length, 0);
  await db.destroy();
});

test('a migration that fails half way leaves nothing of itself behind', async () => {
  const db = inMemory();
  await migrate(db, { name: 'test' });
  const known = {
    ...migrations,
    '0998_half': {
      async up(half: Kysely<unknown>): Promise<void> {
        await half.schema.createTable('half').addColumn('id', 'text').execute();
        await sql`this is no sql`.execute(half);
      },
    },
  };
  await assert.rejects(migrate(db, { name: 'test', known }), /syntax error/);
  assert.deepEqual(await executedSteps(db), Object.keys(migrations));
  const tables = await db.introspection.getTables();
  assert.ok(!tables.some(({ name }) => name === 'half'));
  await db.destroy();
});
