// Whose offline keys a device goes by: the broker's follow the broker's, those pinned on site stay.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../../platform/log.ts';
import { loadPinnedKeys, PinnedKeys } from './pinned-keys.ts';

const log = silentLog;
let dir: string;
let isFixed = false;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sp-keys-'));
  isFixed = false;
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function keysOf(...letters: readonly string[]) {
  return { need: 2, keys: letters.map((letter) => ({ name: letter, spki: letter.repeat(43) })) };
}

async function open(): Promise<PinnedKeys> {
  return await PinnedKeys.open({ dir, isFixed: () => isFixed, log });
}

test("the broker's are pinned, followed, and taken away, and are on the disk", async () => {
  const keys = await open();
  assert.equal(keys.current, undefined);
  await keys.follow(keysOf('a', 'b'));
  await keys.follow(keysOf('a', 'b', 'c'));
  assert.deepEqual(await loadPinnedKeys(dir), { keys: keysOf('a', 'b', 'c'), by: 'broker' });
  await keys.follow({ need: 0, keys: [] });
  assert.deepEqual((await loadPinnedKeys(dir))?.keys.keys, []);
});

test('what somebody on site pinned stays, until he leaves it to the broker again', async () => {
  const keys = await open();
  await keys.pin(keysOf('x', 'y'));
  await keys.follow(keysOf('a', 'b'));
  assert.deepEqual((await open()).current, { keys: keysOf('x', 'y'), by: 'on_site' });
  await keys.leaveToBroker();
  assert.deepEqual(keys.current?.keys.keys, []);
  await keys.follow(keysOf('a', 'b'));
  assert.deepEqual(keys.current, { keys: keysOf('a', 'b'), by: 'broker' });
});

test('I18 where the device looks at approvals itself, the broker changes nothing of its keys', async () => {
  const keys = await open();
  await keys.follow(keysOf('a', 'b'));
  isFixed = true;
  await keys.follow(keysOf('e', 'v'));
  await keys.follow({ need: 0, keys: [] });
  assert.deepEqual(keys.current?.keys, keysOf('a', 'b'));
});

test('I18 no set that one key opens, that is doubled, or that never comes together', async () => {
  const keys = await open();
  const [a, b] = keysOf('a', 'b').keys;
  for (const offered of [
    { need: 1, keys: [a, b] },
    { need: 3, keys: [a, b] },
    { need: 2, keys: [a, { name: 'b', spki: a?.spki }] },
    { need: 0, keys: [a, b] },
    { need: 2, keys: [a, { ...b, more: 1 }] },
    { need: 2, keys: [a, { name: '../b', spki: b?.spki }] },
    { need: 2 },
    'none',
    undefined,
  ]) {
    await keys.follow(offered);
    assert.equal(keys.current, undefined, JSON.stringify(offered));
  }
});

test('a damaged file is not the same as none', async () => {
  await writeFile(join(dir, 'break-glass.json'), '{"format":1,"by":"broker","keys":{}}', { mode: 0o600 });
  await assert.rejects(open(), /is damaged/);
});
