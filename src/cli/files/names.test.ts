import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemJson, totalsLine } from './result.ts';
import { baseName, folderName, isEntryName, joinPath, partPath, shownPath } from './names.ts';
import { formatBytes, standingLine } from './progress.ts';
import { Slots } from './slots.ts';

test('paths are joined and taken apart as bytes', () => {
  assert.equal(String(joinPath(Buffer.from('/'), Buffer.from('a'))), '/a');
  assert.equal(String(joinPath(Buffer.from(''), Buffer.from('a'))), 'a');
  assert.equal(String(joinPath(Buffer.from('b/'), Buffer.from('a'))), 'b/a');
  assert.equal(String(folderName(Buffer.from('/a'))), '/');
  assert.equal(String(folderName(Buffer.from('a'))), '');
  assert.equal(String(baseName(Buffer.from('/x/a'))), 'a');
  assert.deepEqual(baseName(Buffer.from([0x2f, 0xff])), Buffer.from([0xff]));
});

test('a part lies beside its file, also for the longest name', () => {
  assert.equal(String(partPath(Buffer.from('/opt/fw.bin'))), '/opt/.fw.bin.sallyport-part');
  assert.equal(String(partPath(Buffer.from('fw'))), '.fw.sallyport-part');
  const long = partPath(Buffer.from(`/x/${'n'.repeat(255)}`));
  assert.ok(baseName(long).length <= 255);
  assert.deepEqual(long, partPath(Buffer.from(`/x/${'n'.repeat(255)}`)));
});

test('S5 a name that a device lists cannot lead anywhere', () => {
  for (const bad of ['', '.', '..', '../x', 'a/b', '/', 'a\0', 'n'.repeat(256)]) {
    assert.equal(isEntryName(Buffer.from(bad)), false, JSON.stringify(bad));
  }
  for (const good of ['...', '.a', 'a\nb', 'é', ' ']) assert.equal(isEntryName(Buffer.from(good)), true);
});

test('R7 a shown name cannot drive a terminal, and bytes that are no text can be told', () => {
  assert.equal(shownPath(Buffer.from('a\x1b[2Jb\n')), 'a\\u{1b}[2Jb\\u{a}');
  assert.equal(shownPath(Buffer.from([0x61, 0xff])), 'a\\xff');
});

test('JSON keeps a name that is no text', () => {
  const item = {
    from: Buffer.from([0xff]),
    to: Buffer.from('x'),
    status: 'copied' as const,
    bytes: 1,
    sha256: 'ab',
  };
  assert.deepEqual(itemJson(item), {
    from: '\ufffd',
    fromBase64: '/w==',
    to: 'x',
    status: 'copied',
    bytes: 1,
    sha256: 'ab',
  });
});

test('progress is one line that fits', () => {
  const standing = {
    doneBytes: 500_000_000,
    totalBytes: 1_000_000_000,
    doneFiles: 3,
    totalFiles: 10,
    bytesPerSecond: 50_000_000,
    name: 'firmware/image.bin',
  };
  assert.equal(
    standingLine(standing, 80),
    'firmware/image.bin                        3/10 files   50%  50.0 MB/s  10s left',
  );
  for (const columns of [0, 1, 20, 40, 60, 80, 200]) {
    assert.ok(standingLine(standing, columns).length <= Math.max(columns - 1, 0), String(columns));
  }
  assert.match(
    standingLine({ ...standing, totalBytes: 0, doneBytes: 0, totalFiles: 1 }, 80),
    / 100%  50\.0 MB\/s$/,
  );
});

test('sizes and totals are said in words', () => {
  assert.deepEqual([0, 999, 1_000, 999_950, 123_456_789].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 MB',
    '123 MB',
  ]);
  const totals = { files: 12, unchanged: 2, skipped: 1, bytes: 2e9, movedBytes: 1e9, ms: 4_000 };
  assert.equal(
    totalsLine(totals),
    '12 files, 2.0 GB in 4s (250 MB/s), 2 of them there already, 1 left out, every SHA-256 the same at both ends',
  );
});

test('places go to who waits longest, and no more than there are', async () => {
  const slots = new Slots(1);
  assert.equal(slots.tryTake(), true);
  const order: number[] = [];
  const waits = Array.from({ length: 3_000 }, async (_, at) => {
    await slots.take();
    order.push(at);
    slots.give();
  });
  assert.equal(slots.tryTake(), false);
  slots.give();
  await Promise.all(waits);
  assert.deepEqual(order, [...order.keys()]);
  assert.equal(slots.tryTake(), true);
});
