// cp's client against real SFTP servers over standard input and output: OpenSSH's, which has none of our
// extensions, and ours. No broker in between.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import type { CopiedItem } from '../../src/cli/files/copy-all.ts';
import { runCopy, type CopyJobOptions } from '../../src/cli/files/copy-job.ts';
import { readTask, rootsOf } from '../../src/cli/files/copy-task.ts';
import { ChannelCut, SftpClient } from '../../src/cli/files/sftp-client.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { openFlag } from '../../src/wire/sftp/codes.ts';
import { mountDisk, unmountDisk, whyNoDisk } from '../doubles/small-disk.ts';
import { treeOf as treeBelow } from '../doubles/tree.ts';
import { hasOpenSsh, startOpenSsh, startOurs, type ServerUnderTest } from './sftp-server.ts';

let here = '';
let device = '';
let base = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-cp-'));
  here = join(base, 'here');
  device = join(base, 'device');
  mkdirSync(here);
  mkdirSync(device);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

interface Copied {
  readonly items: readonly CopiedItem[];
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
}

interface CopyOptions extends Partial<CopyJobOptions> {
  /** Given the server, when it runs. */
  readonly onServer?: (server: ServerUnderTest) => void;
}

type Copy = (words: readonly string[], options?: CopyOptions) => Promise<Copied>;

/** cp as typed, but that `D:` stands for the device and its folder. */
function copyWith(start: (task: ReturnType<typeof readTask>['task']) => ServerUnderTest): Copy {
  return async (words, options = {}) => {
    const typed = words.map((word) => word.replace(/^D:\/?/, `pump-7:${device}/`));
    const { task } = readTask(typed.slice(0, -1), typed.at(-1) ?? '');
    const server = start(task);
    options.onServer?.(server);
    const items: CopiedItem[] = [];
    const skipped: string[] = [];
    const notes: string[] = [];
    try {
      const client = await SftpClient.open(server.stream);
      await runCopy(client, task, {
        device: 'pump-7',
        isRecursive: true,
        isResume: false,
        signal: new AbortController().signal,
        onPlan: () => undefined,
        onBegin: () => undefined,
        onMoved: () => undefined,
        onKnown: () => undefined,
        onDone: (item) => items.push(item),
        onSkip: (shown, what) => skipped.push(`${shown}: ${what}`),
        onNote: (note) => notes.push(note),
        ...options,
      });
      await client.close();
    } finally {
      await server.end();
    }
    return { items, skipped, notes };
  };
}

const noDisk = await whyNoDisk();

/** With whole seconds: a copy keeps times too. */
function treeOf(folder: string): readonly string[] {
  return treeBelow(folder, { times: true });
}

/** Files and folders of every kind that a copy has to carry. */
function makeTree(folder: string): void {
  const put = (name: string | Buffer, content: Uint8Array, mode = 0o644): void => {
    const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]);
    writeFileSync(path, content);
    chmodSync(path, mode);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
  };
  mkdirSync(join(folder, 'sub/deep'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  put('plain.txt', Buffer.from('hello'));
  put('nothing', Buffer.alloc(0), 0o600);
  put('run.sh', Buffer.from('#!/bin/sh\n'), 0o755);
  put('read-only', Buffer.from('r'), 0o400);
  put('large.bin', randomBytes(3 * 1024 * 1024 + 17));
  put('sub/line\nbreak', Buffer.from('n'));
  put(Buffer.from([0x73, 0x75, 0x62, 0x2f, 0xff, 0xfe]), Buffer.from('bytes'));
  put('sub/deep/-dash', Buffer.from('d'));
  put('sub/deep/[glob]*', Buffer.from('g'));
  put(`sub/${'n'.repeat(250)}`, Buffer.from('long'));
  chmodSync(join(folder, 'sub/deep'), 0o555);
  for (const name of ['sub/deep', 'sub', 'empty', '.'])
    utimesSync(join(folder, name), 1_500_000_000, 1_500_000_000);
}

function writeAt(path: string, marks: readonly { readonly at: number; readonly bytes: Uint8Array }[]): void {
  const file = openSync(path, 'r+');
  for (const { at, bytes } of marks) writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

function partsBelow(folder: string): readonly string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('-part'));
}

type Start = (access: {
  readonly mode: 'read' | 'write';
  readonly roots: readonly string[];
}) => ServerUnderTest;

const servers: readonly (readonly [string, Start])[] = [
  ...(hasOpenSsh ? [['OpenSSH', (): ServerUnderTest => startOpenSsh(device)] as const] : []),
  ['our own server', startOurs],
];

for (const [name, start] of servers) {
  const copy = copyWith((task) =>
    start({ mode: task.way === 'up' ? 'write' : 'read', roots: rootsOf(task) }),
  );
  const onServer = async (path: string, use: (client: SftpClient) => Promise<void>): Promise<void> => {
    const server = start({ mode: 'read', roots: [path] });
    try {
      await use(await SftpClient.open(server.stream));
    } finally {
      await server.end();
    }
  };

  suite(`against ${name}`, () => {
    test('a tree goes up and comes back with its names, modes, times and bytes', async () => {
      mkdirSync(join(here, 'fw'));
      makeTree(join(here, 'fw'));
      const up = await copy([join(here, 'fw'), 'D:fw']);
      assert.deepEqual(treeOf(join(device, 'fw')), treeOf(join(here, 'fw')));
      assert.equal(up.items.length, 10);
      await copy(['D:fw', join(here, 'back')]);
      assert.deepEqual(treeOf(join(here, 'back')), treeOf(join(here, 'fw')));
      assert.deepEqual(partsBelow(base), []);
    });

    test('what a pattern matches on the device comes, and nothing else', async () => {
      for (const file of ['a.log', 'b.log', '.hidden.log', 'c.txt', 'sub.d/x.log', 'sub.e/y.log']) {
        mkdirSync(join(device, file, '..'), { recursive: true });
        writeFileSync(join(device, file), file);
      }
      await copy(['D:*.log', 'D:sub.?/[x]*', `${here}/`]);
      assert.deepEqual(readdirSync(here).sort(), ['a.log', 'b.log', 'x.log']);
      await assert.rejects(copy(['D:*.bin', `${here}/`]), /\*\.bin" is not there/);
    });

    test('a link that is named is followed, and one inside a directory is left out and said', async () => {
      mkdirSync(join(device, 'd'));
      writeFileSync(join(device, 'd/real'), 'real');
      symlinkSync('real', join(device, 'd/link'));
      await copy(['D:d/link', join(here, 'one')]);
      assert.equal(readFileSync(join(here, 'one'), 'utf8'), 'real');
      const all = await copy(['D:d', join(here, 'all')]);
      assert.deepEqual(readdirSync(join(here, 'all')), ['real']);
      assert.deepEqual(all.skipped, [`pump-7:${device}/d/link: a symbolic link`]);
    });

    test('a link that is named as destination is followed; one in a directory is replaced', async () => {
      mkdirSync(join(here, 'd'));
      writeFileSync(join(here, 'd/link'), 'new');
      mkdirSync(join(device, 'd'));
      writeFileSync(join(device, 'd/target'), 'kept');
      symlinkSync('target', join(device, 'd/link'));
      await copy([join(here, 'd'), 'D:d']);
      assert.equal(lstatSync(join(device, 'd/link')).isFile(), true);
      assert.equal(readFileSync(join(device, 'd/target'), 'utf8'), 'kept');
      for (const folder of [here, device]) symlinkSync('d/target', join(folder, 'named'));
      await copy([join(here, 'd/link'), 'D:named']);
      assert.equal(readFileSync(join(device, 'd/target'), 'utf8'), 'new');
      writeFileSync(join(here, 'd/target'), 'old');
      await copy(['D:d/target', join(here, 'named')]);
      assert.equal(readFileSync(join(here, 'd/target'), 'utf8'), 'new');
      for (const folder of [here, device])
        assert.equal(lstatSync(join(folder, 'named')).isSymbolicLink(), true);
    });

    test('a pipe, a directory or a file in the wrong place is refused in words', async () => {
      mkdirSync(join(device, 'dir'));
      writeFileSync(join(device, 'file'), 'x');
      spawnSync('mkfifo', [join(device, 'pipe'), join(here, 'pipe')]);
      writeFileSync(join(here, 'file'), 'x');
      await assert.rejects(copy(['D:pipe', join(here, 'x')]), /neither a plain file nor a directory/);
      await assert.rejects(copy([join(here, 'pipe'), 'D:x']), /neither a plain file nor a directory/);
      await assert.rejects(copy([join(here, 'file'), 'D:pipe']), /no plain file/);
      await assert.rejects(copy(['D:missing', join(here, 'x')]), /missing" is not there/);
      await assert.rejects(copy(['D:dir', join(here, 'x')], { isRecursive: false }), /is a directory/);
      await assert.rejects(copy([join(here, 'file'), 'D:missing/x']), /cannot write/);
      assert.deepEqual(partsBelow(base), []);
    });

    test('holes stay holes, also at the end', async () => {
      const path = join(here, 'sparse');
      writeFileSync(path, 'head');
      truncateSync(path, 40 * 1024 * 1024);
      appendFileSync(path, 'middle');
      truncateSync(path, 64 * 1024 * 1024 + 1);
      await copy([path, 'D:sparse']);
      await copy(['D:sparse', join(here, 'back')]);
      for (const copied of [join(device, 'sparse'), join(here, 'back')]) {
        assert.deepEqual(readFileSync(copied), readFileSync(path));
        assert.ok(statSync(copied).blocks * 512 < 4 * 1024 * 1024, `${statSync(copied).blocks} blocks`);
      }
    });

    test('what lies beyond 4 GiB comes and goes by its offset', async () => {
      const path = join(device, 'huge');
      writeFileSync(path, 'head');
      truncateSync(path, 5 * 1024 ** 3);
      appendFileSync(path, 'tail');
      await onServer(path, async (client) => {
        const handle = await client.open(Buffer.from(path), openFlag.read);
        const tail = await client.read(handle, 5 * 1024 ** 3, 100);
        assert.equal(Buffer.from(tail ?? []).toString(), 'tail');
        assert.equal((await client.fstat(handle)).size, 5 * 1024 ** 3 + 4);
        assert.equal(await client.read(handle, 5 * 1024 ** 3 + 4, 1), undefined);
      });
    });

    test('a copy that is cut leaves the old file, and a resume goes on where it was', async () => {
      const path = join(here, 'big');
      writeFileSync(path, randomBytes(24 * 1024 * 1024));
      writeFileSync(join(device, 'big'), 'old');
      let server: ServerUnderTest | undefined;
      let moved = 0;
      const cut = copy([path, 'D:big'], {
        onServer: (started) => {
          server = started;
        },
        onMoved: (count) => {
          moved += count;
          if (moved > 8 * 1024 * 1024) server?.child.kill('SIGKILL');
        },
      });
      await assert.rejects(cut, ChannelCut);
      assert.equal(readFileSync(join(device, 'big'), 'utf8'), 'old');
      const part = statSync(join(device, '.big.sallyport-part')).size;
      assert.ok(part > 8 * 1024 * 1024 && part < 24 * 1024 * 1024, String(part));
      let known = 0;
      const { items } = await copy([path, 'D:big'], {
        isResume: true,
        onKnown: (count) => {
          known += count;
        },
      });
      assert.equal(items[0]?.status, 'resumed');
      assert.equal(known, part);
      assert.deepEqual(readFileSync(join(device, 'big')), readFileSync(path));
      assert.deepEqual(partsBelow(base), []);
    });

    test('a download that is cut is resumed likewise, and a part of something else is not used', async () => {
      const path = join(device, 'big');
      writeFileSync(path, randomBytes(24 * 1024 * 1024));
      let server: ServerUnderTest | undefined;
      let moved = 0;
      const cut = copy(['D:big', join(here, 'big')], {
        onServer: (started) => {
          server = started;
        },
        onMoved: (count) => {
          moved += count;
          if (moved > 8 * 1024 * 1024) server?.child.kill('SIGKILL');
        },
      });
      await assert.rejects(cut, ChannelCut);
      assert.equal(existsSync(join(here, 'big')), false);
      const resumed = await copy(['D:big', join(here, 'big')], { isResume: true });
      assert.equal(resumed.items[0]?.status, 'resumed');
      assert.deepEqual(readFileSync(join(here, 'big')), readFileSync(path));
      writeFileSync(join(here, '.other.sallyport-part'), randomBytes(1024));
      const other = await copy(['D:big', join(here, 'other')], { isResume: true });
      assert.equal(other.items[0]?.status, 'copied');
      assert.deepEqual(readFileSync(join(here, 'other')), readFileSync(path));
    });

    test('a resume leaves alone what is the same, and copies what only looks so', async () => {
      mkdirSync(join(here, 'fw'));
      for (const file of ['same', 'other']) {
        writeFileSync(join(here, 'fw', file), file.padEnd(9));
        utimesSync(join(here, 'fw', file), 1_600_000_000, 1_600_000_000);
      }
      await copy([join(here, 'fw'), 'D:copy']);
      writeFileSync(join(device, 'copy/other'), 'differs!!');
      utimesSync(join(device, 'copy/other'), 1_600_000_000, 1_600_000_000);
      const { items } = await copy([join(here, 'fw'), 'D:copy'], { isResume: true });
      assert.deepEqual(items.map(({ to, status }) => `${to.toString().split('/').at(-1)} ${status}`).sort(), [
        'other copied',
        'same unchanged',
      ]);
      assert.deepEqual(treeOf(join(device, 'copy')), treeOf(join(here, 'fw')));
    });

    test('a source that changes while it is read is noticed, and nothing is put in its place', async () => {
      const path = join(here, 'live');
      // More than is read ahead, so that there is a while in which it is read.
      writeFileSync(path, randomBytes(48 * 1024 * 1024));
      writeFileSync(join(device, 'live'), 'old');
      let isChanged = false;
      const copying = copy([path, 'D:live'], {
        onMoved: () => {
          if (!isChanged) writeAt(path, [{ at: 0, bytes: Buffer.from('changed') }]);
          isChanged = true;
        },
      });
      await assert.rejects(copying, /changed while it was read/);
      assert.equal(readFileSync(join(device, 'live'), 'utf8'), 'old');
      assert.deepEqual(partsBelow(base), []);
    });

    test('a source on the device that changes while it is read is noticed likewise', async () => {
      const path = join(device, 'live');
      writeFileSync(path, randomBytes(48 * 1024 * 1024));
      // The device tells whole seconds: this one is another than that of the change.
      utimesSync(path, 1_600_000_000, 1_600_000_000);
      writeFileSync(join(here, 'live'), 'old');
      let isChanged = false;
      const copying = copy(['D:live', join(here, 'live')], {
        onMoved: () => {
          if (!isChanged) writeAt(path, [{ at: 0, bytes: Buffer.from('changed') }]);
          isChanged = true;
        },
      });
      await assert.rejects(copying, /changed while it was read/);
      assert.equal(readFileSync(join(here, 'live'), 'utf8'), 'old');
      assert.deepEqual(partsBelow(base), []);
    });

    test('a log that grows while it is read is copied as it was, and that is said', async () => {
      const path = join(device, 'log');
      // More than is read ahead: it grows before the last of it is read.
      const before = randomBytes(48 * 1024 * 1024);
      writeFileSync(path, before);
      let hasGrown = false;
      const { notes } = await copy(['D:log', join(here, 'log')], {
        onMoved: () => {
          if (!hasGrown) appendFileSync(path, 'one line more\n');
          hasGrown = true;
        },
      });
      assert.deepEqual(readFileSync(join(here, 'log')), before);
      assert.equal(notes.length, 1);
      assert.match(notes[0] ?? '', /grew while it was read/);
    });

    test('a source that vanishes stops the copy with its name', async () => {
      mkdirSync(join(device, 'd'));
      for (let at = 0; at < 5; at += 1) writeFileSync(join(device, `d/${at}`), 'x');
      const copying = copy(['D:d', join(here, 'd')], {
        onPlan: () => rmSync(join(device, 'd/3')),
      });
      await assert.rejects(copying, /d\/3": it is not there/);
      assert.deepEqual(partsBelow(base), []);
    });

    test('a stop from here ends what is under way, and keeps the old file', async () => {
      const path = join(here, 'big');
      writeFileSync(path, randomBytes(16 * 1024 * 1024));
      writeFileSync(join(device, 'big'), 'old');
      const stop = new AbortController();
      const copying = copy([path, 'D:big'], {
        signal: stop.signal,
        onMoved: () => stop.abort(new Error('stopped from here')),
      });
      await assert.rejects(copying, /stopped from here/);
      assert.equal(readFileSync(join(device, 'big'), 'utf8'), 'old');
    });

    test(
      'a disk that is full on either side is said, and no part is left on it',
      { skip: noDisk },
      async () => {
        const small = join(base, 'small');
        mkdirSync(small);
        await mountDisk(small, { mib: 4 });
        try {
          writeFileSync(join(here, 'big'), randomBytes(8 * 1024 * 1024));
          writeFileSync(join(small, 'big'), 'old');
          const words = name === 'OpenSSH' ? /the device does not say why/ : /no space is left on the disk/;
          await assert.rejects(copy([join(here, 'big'), `pump-7:${small}/big`]), words);
          writeFileSync(join(device, 'big'), randomBytes(8 * 1024 * 1024));
          await assert.rejects(copy(['D:big', join(small, 'big')]), /no space left/);
          assert.equal(readFileSync(join(small, 'big'), 'utf8'), 'old');
          assert.deepEqual(readdirSync(small), ['big']);
        } finally {
          await unmountDisk(small);
        }
      },
    );

    test('many small files at once', async () => {
      mkdirSync(join(here, 'many'));
      for (let at = 0; at < 500; at += 1) writeFileSync(join(here, 'many', `f${at}`), `content ${at}`);
      const { items } = await copy([join(here, 'many'), 'D:many']);
      assert.equal(items.length, 500);
      assert.deepEqual(treeOf(join(device, 'many')), treeOf(join(here, 'many')));
    });

    test('a file that says it is empty and is not, as in /proc, comes whole', async () => {
      const copied = await copy(['pump-7:/proc/version', join(here, 'version')]);
      assert.equal(copied.items[0]?.bytes, readFileSync('/proc/version').length);
      assert.deepEqual(readFileSync(join(here, 'version')), readFileSync('/proc/version'));
    });
  });
}

// Read, moved and hashed whole, each way: with our own server only, and some half a minute.
test(
  'a file of 5 GiB goes up and comes back: what lies beyond 4 GiB is in its place, holes stay holes',
  { timeout: 600_000 },
  async () => {
    const copy = copyWith((task) =>
      startOurs({ mode: task.way === 'up' ? 'write' : 'read', roots: rootsOf(task) }),
    );
    const path = join(here, 'huge');
    const size = 5 * 1024 ** 3;
    const marks = [0, 2 ** 31 - 3, 2 ** 32 - 3, size - 5].map((at) => ({ at, bytes: randomBytes(5) }));
    writeFileSync(path, '');
    truncateSync(path, size);
    writeAt(path, marks);
    const up = await copy([path, 'D:huge']);
    const down = await copy(['D:huge', join(here, 'back')]);
    for (const { items } of [up, down])
      assert.deepEqual([items[0]?.status, items[0]?.bytes], ['copied', size]);
    // Each copy was held against the device's own hash of it; the two hashes are of the same bytes.
    assert.equal(up.items[0]?.sha256, down.items[0]?.sha256);
    for (const copied of [join(device, 'huge'), join(here, 'back')]) {
      assert.equal(statSync(copied).size, size);
      assert.ok(statSync(copied).blocks * 512 < 4 * 1024 * 1024, `${statSync(copied).blocks} blocks`);
      const file = openSync(copied, 'r');
      for (const { at, bytes } of marks) {
        const seen = Buffer.alloc(bytes.length);
        readSync(file, seen, 0, bytes.length, at);
        assert.deepEqual(seen, bytes, `at ${at}`);
      }
      closeSync(file);
    }
  },
);

test('S5 a path outside of what the channel was opened for is refused by the device', async () => {
  writeFileSync(join(here, 'a'), 'a');
  mkdirSync(join(device, 'granted'));
  const outside = copyWith(() => startOurs({ mode: 'write', roots: [join(device, 'granted')] }));
  await assert.rejects(
    outside([join(here, 'a'), 'D:elsewhere']),
    (error) => error instanceof SallyportError && /outside of what was granted/.test(error.message),
  );
  assert.deepEqual(readdirSync(device), ['granted']);
});
