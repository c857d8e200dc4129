// The reserve file: really allocated, ordered, and honest about a record that was not finished.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openReserveFile } from '../../src/authority/store/reserve-file.ts';
import type { Reserve, ReserveRecord } from '../../src/authority/store/reserve.ts';
import { event, partsOf } from './store-bodies.ts';

const bytes = 8_192;

function fileOf(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-reserve-'));
  return { path: join(folder, 'reserve'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

async function reopen(
  path: string,
): Promise<{ readonly reserve: Reserve; readonly said: readonly string[] }> {
  const { log, said } = partsOf('reserve');
  return { reserve: await openReserveFile({ path, bytes, log }), said };
}

const record = (number: number, note = `cut ${number}`): ReserveRecord => ({
  number,
  at: number,
  commit: { changes: [], events: [event(note)] },
});

async function written(path: string, records: readonly ReserveRecord[]): Promise<void> {
  const { reserve } = await reopen(path);
  assert.ok(await reserve.append(records));
  await reserve.close();
}

async function found(path: string): Promise<readonly number[]> {
  const { reserve } = await reopen(path);
  await reserve.close();
  return reserve.found.map(({ number }) => number);
}

test('a new reserve has all its blocks, belongs to its owner alone, and is empty', async () => {
  using file = fileOf();
  const { reserve, said } = await reopen(file.path);
  const { size, blocks, mode } = statSync(file.path);
  assert.equal(size, bytes);
  assert.ok(blocks * 512 >= bytes);
  assert.equal(mode & 0o777, 0o600);
  assert.deepEqual([reserve.found, said], [[], []]);
  await reserve.close();
});

test('records are found again as they were written, in order', async () => {
  using file = fileOf();
  await written(file.path, [record(1), record(2)]);
  await written(file.path, [record(3)]);
  const { reserve } = await reopen(file.path);
  assert.deepEqual(reserve.found, [record(1), record(2), record(3)]);
  await reserve.close();
});

test('a cleared reserve is empty, and older records behind newer ones are not found', async () => {
  using file = fileOf();
  await written(file.path, [record(1), record(2), record(3)]);
  const { reserve } = await reopen(file.path);
  await reserve.clear();
  assert.ok(await reserve.append([record(4)]));
  await reserve.close();
  const again = await reopen(file.path);
  assert.deepEqual(again.reserve.found, [record(4)]);
  assert.deepEqual(again.said, []);
  await again.reserve.clear();
  await again.reserve.close();
  assert.deepEqual(await found(file.path), []);
});

test('a full reserve takes nothing more and keeps what it has', async () => {
  using file = fileOf();
  const { reserve } = await reopen(file.path);
  const taken: number[] = [];
  for (let number = 1; number <= 100; number++) {
    if (await reserve.append([record(number)])) taken.push(number);
  }
  assert.ok(taken.length > 10 && taken.length < 100);
  await reserve.close();
  assert.equal(statSync(file.path).size, bytes);
  assert.deepEqual(await found(file.path), taken);
});

test('a record cut at any byte is left out with a word, and those before it stay', async () => {
  using file = fileOf();
  await written(file.path, [record(1)]);
  const before = readFileSync(file.path);
  await written(file.path, [record(2)]);
  const after = readFileSync(file.path);
  const start = before.findIndex((byte, index) => byte !== after[index]);
  const end = after.findLastIndex((byte) => byte !== 0) + 1;
  // From its fourth byte on: before that, the length reads as zero and nothing was begun.
  for (let cut = start + 1; cut < end; cut++) {
    const torn = Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
    writeFileSync(file.path, torn);
    const { reserve, said } = await reopen(file.path);
    assert.deepEqual(reserve.found, [record(1)], `cut at ${cut - start}`);
    assert.equal(said.length, 1);
    await reserve.close();
  }
  // The next record takes the place of the torn one.
  await written(file.path, [record(2, 'again')]);
  assert.deepEqual(await found(file.path), [1, 2]);
});

test('a flipped byte in a record ends the list before it', async () => {
  using file = fileOf();
  await written(file.path, [record(1), record(2)]);
  const content = readFileSync(file.path);
  const at = content.indexOf('cut 2');
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  writeFileSync(file.path, content);
  assert.deepEqual(await found(file.path), [1]);
});

test('a file that is no reserve is refused and not overwritten', async () => {
  using file = fileOf();
  writeFileSync(file.path, 'something else entirely');
  await assert.rejects(reopen(file.path), /not a reserve/);
  assert.ok(readFileSync(file.path).toString().startsWith('something else entirely'));
});
