// The sqlite store across crashes: kill -9 in the middle of writing, a reserve that a crash left behind,
// and disks that are really full.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openCommittingStore } from '../../src/authority/store/committing-store.ts';
import { openReserveFile } from '../../src/authority/store/reserve-file.ts';
import { openSqliteBackend } from '../../src/authority/store/sqlite-backend.ts';
import { openDatabase, openSqliteStore } from '../../src/authority/store/sqlite-store.ts';
import { StoreUnavailable, type Store } from '../../src/authority/store/store.ts';
import { event, lock, notes, partsOf, verifyLog } from './store-bodies.ts';

function folderOf(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-crash-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const pathsIn = (folder: string) => ({
  path: join(folder, 'store.db'),
  reservePath: join(folder, 'reserve'),
});

const openIn = (folder: string, seed: string): Promise<Store> =>
  openSqliteStore({ ...partsOf(seed), ...pathsIn(folder) });

const cutOf = (note: string) =>
  ({ changes: [{ put: 'lock', value: lock(note), rev: 0 }], events: [event(note)] }) as const;

async function writeUntil(folder: string, count: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'store-child.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let last = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Math.max(last, Number(line));
    seen += 1;
    if (seen === count) child.kill('SIGKILL');
  }
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  return last;
}

test('kill -9 in the middle of writing loses nothing that was answered and leaves a chain that verifies', async () => {
  using folder = folderOf();
  for (const count of [1, 57, 300]) {
    const answered = await writeUntil(folder.path, count);
    const store = await openIn(folder.path, 'after');
    const { size } = await store.head();
    assert.ok(size >= answered, `${size} events, ${answered} answered`);
    assert.equal(await store.count('lock', {}), size);
    const step = await verifyLog(store);
    assert.ok(step.ok, JSON.stringify(step));
    await store.close();
  }
});

/** A store whose owner can make every write of it fail, as it was opened after `seed`. */
async function openBreakable(folder: string, seed: string) {
  const { path, reservePath } = pathsIn(folder);
  const parts = partsOf(seed);
  const database = openDatabase(path);
  const backend = await openSqliteBackend({ database, random: parts.random, name: path });
  const reserve = await openReserveFile({ path: reservePath, bytes: 64 * 1024, log: parts.log });
  return { database, store: await openCommittingStore({ ...parts, backend, reserve }) };
}

test('cuts held when the process ended are replayed, in order, by the next one', async () => {
  using folder = folderOf();
  const { store, database } = await openBreakable(folder.path, 'first');
  await store.commit({ changes: [], events: [event('before')] });
  database.exec('pragma query_only = 1');
  for (const note of ['a', 'b', 'c']) await store.commitCut(cutOf(note));
  await store.close();

  const next = await openIn(folder.path, 'second');
  assert.deepEqual(await notes(next), ['before', 'a', 'b', 'c', undefined]);
  assert.equal(await next.count('lock', {}), 3);
  await next.commit({ changes: [], events: [event('after')] });
  assert.ok((await verifyLog(next)).ok);
  await next.close();

  const third = await openIn(folder.path, 'third');
  assert.equal((await third.head()).size, 6);
  await third.close();
});

test('a reserve that was replayed but not cleared before a crash is not replayed twice', async () => {
  using folder = folderOf();
  const { reservePath } = pathsIn(folder.path);
  const { store, database } = await openBreakable(folder.path, 'first');
  database.exec('pragma query_only = 1');
  await store.commitCut(cutOf('a'));
  await store.close();
  copyFileSync(reservePath, `${reservePath}.crash`);
  const next = await openIn(folder.path, 'second');
  const { size } = await next.head();
  await next.close();
  copyFileSync(`${reservePath}.crash`, reservePath);

  const { store: third, database: thirdDatabase } = await openBreakable(folder.path, 'third');
  assert.equal((await third.head()).size, size);
  // What is held now must not be taken for what was replayed then.
  thirdDatabase.exec('pragma query_only = 1');
  await third.commitCut(cutOf('b'));
  await third.close();
  const fourth = await openIn(folder.path, 'fourth');
  assert.deepEqual(await notes(fourth), ['a', undefined, 'b', undefined]);
  await fourth.close();
});

test('a database that grows no more refuses large commits, holds cuts, and goes on when it may grow', async () => {
  using folder = folderOf();
  const { store, database } = await openBreakable(folder.path, 'full');
  const large = event('large', { body: { text: 'x'.repeat(60_000) } });
  await store.commit({ changes: [], events: [event('before')] });
  // SQLite answers SQLITE_FULL in the middle of a statement, and undoes the transaction by itself.
  const { page_count: pages } = database.prepare('pragma page_count').get() as { page_count: number };
  database.exec(`pragma max_page_count = ${pages}`);
  await assert.rejects(
    store.commit({ changes: [{ put: 'lock', value: lock() }], events: [large] }),
    (error) => error instanceof StoreUnavailable && error.message.includes('no space left on the disk'),
  );
  assert.equal(await store.count('lock', {}), 0);
  await store.commitCut({ changes: [{ put: 'lock', value: lock() }], events: [large] });
  assert.equal(await store.count('lock', {}), 1);
  await assert.rejects(store.commit({ changes: [], events: [] }), StoreUnavailable);
  database.exec(`pragma max_page_count = ${pages * 100}`);
  await store.commit({ changes: [], events: [event('after')] });
  assert.deepEqual(await notes(store), ['before', undefined, undefined, 'after']);
  assert.ok((await verifyLog(store)).ok);
  await store.close();
});

test('R6 on a file system that is really full, commits are refused, cuts are held, nothing is corrupted', async (t) => {
  using folder = folderOf();
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { encoding: 'utf8' });
  if (mounted.status !== 0) {
    t.skip(`a small file system cannot be mounted here: ${mounted.stderr || String(mounted.error)}`);
    return;
  }
  try {
    const store = await openIn(disk, 'tmpfs');
    await store.commit({ changes: [], events: [event('before')] });
    const ballast = join(disk, 'ballast');
    fill(ballast);
    const note = { changes: [], events: [event('filling', { body: { text: 'x'.repeat(30_000) } })] };
    await assert.rejects(async () => {
      for (let round = 0; round < 1_000; round++) await store.commit(note);
    }, StoreUnavailable);
    const { size } = await store.head();
    for (const cut of ['a', 'b']) await store.commitCut(cutOf(cut));
    assert.equal(await store.count('lock', {}), 2);
    await store.close();

    const again = await openIn(disk, 'tmpfs again');
    assert.equal(await again.count('lock', {}), 2);
    rmSync(ballast);
    await again.commit({ changes: [], events: [event('after')] });
    const all = await notes(again);
    assert.deepEqual(all.slice(size), ['a', 'b', undefined, 'after']);
    assert.ok((await verifyLog(again)).ok);
    await again.close();
  } finally {
    assert.equal(spawnSync('umount', [disk]).status, 0);
  }
});

/** Takes the room that is left, to the last page. */
function fill(path: string): void {
  assert.throws(
    () => {
      for (;;) writeFileSync(path, Buffer.alloc(4_096), { flag: 'a' });
    },
    { code: 'ENOSPC' },
  );
}
