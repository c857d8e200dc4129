// A state directory that came to another machine, in an image or by a copy.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bindToMachine, readMachineId, requireMachine } from './machine.ts';

const here = '0123456789abcdef0123456789abcdef';
const elsewhere = 'fedcba9876543210fedcba9876543210';

async function place(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-machine-'));
  t.after(async () => await rm(dir, { recursive: true }));
  return dir;
}

test('L6 a directory that was made on another machine is refused with words, until somebody says that it moved', async (t) => {
  const dir = await place(t);
  await bindToMachine(dir, here);
  await requireMachine(dir, { id: here, isMoved: false });
  const elsewhereNow = { id: elsewhere, isMoved: false };
  await assert.rejects(requireMachine(dir, elsewhereNow), {
    code: 'conflict',
    message: /was made on another machine/,
  });
  await requireMachine(dir, { id: elsewhere, isMoved: true });
  await requireMachine(dir, elsewhereNow);
  await assert.rejects(requireMachine(dir, { id: here, isMoved: false }), { code: 'conflict' });
});

test('what it keeps tells nothing of the machine, and two directories look alike in nothing', async (t) => {
  const [one, two] = [await place(t), await place(t)];
  await bindToMachine(one, here);
  await bindToMachine(two, here);
  const kept = await Promise.all(
    [one, two].map(async (dir) => await readFile(join(dir, 'machine.json'), 'utf8')),
  );
  assert.notEqual(kept[0], kept[1]);
  assert.ok(kept.every((text) => !text.includes(here)));
});

test('a directory of before is bound by its first start; a machine without an id binds and checks nothing', async (t) => {
  const dir = await place(t);
  await requireMachine(dir, { id: undefined, isMoved: false });
  await requireMachine(dir, { id: here, isMoved: false });
  await requireMachine(dir, { id: undefined, isMoved: false });
  await assert.rejects(requireMachine(dir, { id: elsewhere, isMoved: false }), { code: 'conflict' });
});

test('an id that is none, or not written yet, is none', async (t) => {
  const path = join(await place(t), 'machine-id');
  assert.equal(await readMachineId(path), undefined);
  for (const text of ['', 'uninitialized\n', here.slice(1), here.toUpperCase()]) {
    await writeFile(path, text);
    assert.equal(await readMachineId(path), undefined, text);
  }
  await writeFile(path, `${here}\n`);
  assert.equal(await readMachineId(path), here);
});
