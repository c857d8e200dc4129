// Negative test S5: whatever path a client names, a files channel reaches what was granted and nothing else.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { openFlag, statusCode } from '../../src/wire/sftp/codes.ts';
import { partName } from '../../src/wire/sftp/part-name.ts';
import {
  bytes,
  Refusal,
  serveHere,
  type Ask,
  type LocalServer,
  type SftpPeer,
} from '../doubles/sftp-peer.ts';

const isRoot = process.getuid?.() === 0;
const denied = { status: statusCode.permissionDenied };
const write = openFlag.write | openFlag.create;

let base: string;
let root: string;
let outside: string;
let reading: LocalServer;
let writing: LocalServer;

/** Every request that names a path, with this path. */
function everyRequest(path: Uint8Array | string): readonly Ask[] {
  const at = bytes(path);
  const inside = bytes(join(root, 'free-name'));
  return [
    { type: 'open', path: at, flags: openFlag.read, attrs: {} },
    { type: 'open', path: at, flags: write, attrs: {} },
    { type: 'open', path: at, flags: write | openFlag.truncate, attrs: {} },
    { type: 'stat', path: at },
    { type: 'lstat', path: at },
    { type: 'setstat', path: at, attrs: { permissions: 0o777 } },
    { type: 'opendir', path: at },
    { type: 'mkdir', path: at, attrs: {} },
    { type: 'rmdir', path: at },
    { type: 'remove', path: at },
    { type: 'readlink', path: at },
    { type: 'rename', from: at, to: inside },
    { type: 'rename', from: bytes(join(root, 'file')), to: at },
    { type: 'posixRename', from: at, to: inside },
    { type: 'posixRename', from: bytes(join(root, 'file')), to: at },
  ];
}

async function refusedByAll(path: Uint8Array | string, only?: readonly Ask['type'][]): Promise<void> {
  for (const { peer } of [reading, writing]) {
    for (const request of everyRequest(path)) {
      if (only !== undefined && !only.includes(request.type)) continue;
      const said = await peer.ask(request);
      assert.ok(
        said.type === 'status' && said.code !== statusCode.ok,
        `${request.type} of ${Buffer.from(bytes(path)).toString('latin1')} gave ${said.type}`,
      );
    }
  }
}

before(async () => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
  root = join(base, 'root');
  outside = join(base, 'outside');
  for (const dir of [root, outside, join(root, 'dir')]) mkdirSync(dir);
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(base, 'root-beside'), 'secret');
  writeFileSync(join(root, 'file'), 'inside');
  writeFileSync(join(root, 'dir', 'deep'), 'deep');
  reading = await serveHere({ params: { mode: 'read', roots: [root] }, home: outside });
  writing = await serveHere({ params: { mode: 'write', roots: [root] }, home: outside });
});

after(async () => {
  await reading.close();
  await writing.close();
  rmSync(base, { recursive: true, force: true });
});

/** What the world outside of the root looks like: it never changes. */
function outsideNow(): string {
  const secret = readFileSync(join(outside, 'secret'), 'utf8');
  return JSON.stringify([readdirSync(base).sort(), readdirSync(outside).sort(), secret]);
}

test('S5 an absolute path outside of the roots is refused, also one that begins like a root', async () => {
  const before = outsideNow();
  for (const path of [
    '/etc/passwd',
    '/',
    outside,
    join(outside, 'secret'),
    `${root}-beside`,
    base,
    '~/secret',
    'secret',
  ]) {
    await refusedByAll(path);
  }
  assert.equal(outsideNow(), before);
});

test('S5 ".." is refused wherever it stands, also where it would stay inside', async () => {
  const before = outsideNow();
  for (const path of [
    '../outside/secret',
    `${root}/../outside/secret`,
    `${root}/dir/../file`,
    `${root}/..`,
    '~/..',
  ]) {
    await refusedByAll(path);
    await assert.rejects(reading.peer.must({ type: 'realpath', path: bytes(path) }), denied);
  }
  assert.equal(outsideNow(), before);
});

test('S5 a NUL in a path is refused and does not end it', async () => {
  await refusedByAll(`${root}/file\0`);
  await refusedByAll(`${root}/file\0/../../outside/secret`);
});

test('S5 a path of 10,000 directories is refused, and so are names over their length', async () => {
  await refusedByAll(`${root}${'/d'.repeat(10_000)}`);
  await refusedByAll(`${root}/${'n'.repeat(300)}`);
  await refusedByAll(`${root}${'/dir'.repeat(900)}`);
  assert.equal(await reading.peer.content(join(root, 'file')), 'inside');
});

test('S5 a link to the outside is not followed, at the end of a path or within it', async () => {
  const before = outsideNow();
  const links = {
    absolute: outside,
    relative: '../outside',
    direct: join(outside, 'secret'),
    chain: 'relative',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
  const following: readonly Ask['type'][] = ['open', 'stat', 'setstat', 'opendir'];
  for (const name of Object.keys(links)) await refusedByAll(join(root, name), following);
  for (const name of ['absolute', 'relative', 'chain']) {
    await refusedByAll(join(root, name, 'secret'));
    await refusedByAll(join(root, name, 'new'));
  }
  // The link itself lies inside: it may be looked at, moved and removed.
  const text = await reading.peer.must({ type: 'readlink', path: bytes(join(root, 'relative')) });
  assert.ok(text.type === 'name' && Buffer.from(text.entries[0]?.name ?? []).toString() === '../outside');
  for (const name of Object.keys(links)) {
    await writing.peer.must({ type: 'remove', path: bytes(join(root, name)) });
  }
  assert.equal(outsideNow(), before);
});

test('S5 a link that stays inside is followed, absolute or relative', async () => {
  symlinkSync(join(root, 'dir'), join(root, 'to-dir'));
  symlinkSync('../file', join(root, 'dir', 'up'));
  symlinkSync('to-dir/up', join(root, 'through'));
  for (const name of ['to-dir/deep', 'dir/deep']) {
    assert.equal(await reading.peer.content(join(root, name)), 'deep');
  }
  assert.equal(await reading.peer.content(join(root, 'through')), 'inside');
  assert.equal((await reading.peer.list(join(root, 'to-dir'))).length, 2);
  for (const name of ['to-dir', 'through', 'dir/up']) rmSync(join(root, name));
});

test('S5 links in a circle, and one that leads nowhere, are refused and nothing is made through them', async () => {
  symlinkSync('circle-b', join(root, 'circle-a'));
  symlinkSync('circle-a', join(root, 'circle-b'));
  symlinkSync('nowhere', join(root, 'dangling'));
  symlinkSync(join(outside, 'made'), join(root, 'dangling-out'));
  for (const name of ['circle-a', 'circle-a/x', 'dangling', 'dangling-out']) {
    await refusedByAll(join(root, name), ['open', 'stat', 'opendir', 'setstat']);
  }
  assert.ok(!readdirSync(root).includes('nowhere'));
  assert.ok(!readdirSync(outside).includes('made'));
  for (const name of ['circle-a', 'circle-b', 'dangling', 'dangling-out']) rmSync(join(root, name));
});

test('S5 no link is made through a files channel', async () => {
  for (const { peer } of [reading, writing]) {
    const request = { type: 'symlink', target: bytes('/etc'), link: bytes(join(root, 'made')) } as const;
    await assert.rejects(peer.must(request), denied);
  }
  assert.ok(!readdirSync(root).includes('made'));
});

test('S5 pipes and sockets are not opened, and keep nobody waiting', async () => {
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const listener = createServer().listen(join(root, 'socket'));
  try {
    for (const name of ['pipe', 'socket'])
      await refusedByAll(join(root, name), ['open', 'opendir', 'setstat']);
  } finally {
    await new Promise((resolve) => listener.close(resolve));
    rmSync(join(root, 'pipe'));
  }
});

test(
  'S5 device nodes are not opened',
  { skip: isRoot ? false : 'skipped: only root can make a device node' },
  async () => {
    execFileSync('mknod', [join(root, 'zero'), 'c', '1', '5']);
    await refusedByAll(join(root, 'zero'), ['open', 'opendir', 'setstat']);
    rmSync(join(root, 'zero'));
  },
);

test('S5 the magic links of /proc lead nowhere that was not granted', async () => {
  const server = await serveHere({ params: { mode: 'read', roots: ['/proc'] }, home: '/' });
  const path = [
    '/proc/self/root/etc/passwd',
    '/proc/self/cwd/package.json',
    '/proc/self/exe',
    '/proc/self/fd/0',
  ];
  for (const name of [...path, '/proc/self/root', '/proc/1/root/etc/passwd']) {
    await assert.rejects(server.peer.open(name, openFlag.read), Refusal, name);
  }
  assert.match(await server.peer.content('/proc/version'), /Linux/);
  await server.close();
});

test('S5 a channel that may read changes nothing, and one that may write reads nothing', async () => {
  const before = readdirSync(root).sort();
  for (const request of everyRequest(join(root, 'file'))) {
    if (['stat', 'lstat', 'opendir', 'readlink'].includes(request.type)) continue;
    if (request.type === 'open' && request.flags === openFlag.read) continue;
    await assert.rejects(reading.peer.must(request), denied, request.type);
  }
  const handle = await reading.peer.open(join(root, 'file'), openFlag.read);
  for (const request of [
    { type: 'write', handle, offset: 0, data: bytes('x') },
    { type: 'fsetstat', handle, attrs: { size: 0 } },
  ] as const) {
    await assert.rejects(reading.peer.must(request), denied);
  }
  await reading.peer.must({ type: 'close', handle });
  assert.deepEqual(readdirSync(root).sort(), before);
  assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'inside');

  const blind = await writing.peer.open(join(root, 'file'), openFlag.read);
  await assert.rejects(writing.peer.read(blind, 0, 1), denied);
  // Prefix by prefix, hashes would give the content away.
  for (const [offset, length] of [
    [0, 1],
    [1, 0],
    [0, 5],
  ] as const) {
    await assert.rejects(writing.peer.must({ type: 'sha256', handle: blind, offset, length }), denied);
  }
  await writing.peer.must({ type: 'sha256', handle: blind, offset: 0, length: 0 });
  await writing.peer.must({ type: 'close', handle: blind });
});

test('S5 owners, and the bits that outlive a grant, are not set', async () => {
  const path = join(root, 'mode');
  await writing.peer.put(path, 'x');
  await writing.peer.must({ type: 'setstat', path: bytes(path), attrs: { permissions: 0o6755 } });
  assert.equal((await writing.peer.stat(path)).permissions, 0o100755);
  const owner = { type: 'setstat', path: bytes(path), attrs: { uid: 0, gid: 0 } } as const;
  await assert.rejects(writing.peer.must(owner), denied);
  await writing.peer.must({ type: 'remove', path: bytes(path) });
});

test('S5 a granted file is all that is reached, but for the name that a copy to it has until it is whole', async () => {
  const file = join(root, 'dir', 'target');
  const part = join(root, 'dir', partName(Buffer.from('target')).toString());
  const params = { mode: 'write', roots: [file] } as const;
  const server = await serveHere({ params, home: outside });
  const { peer } = server;
  await peer.put(part, 'new');
  await peer.must({ type: 'posixRename', from: bytes(part), to: bytes(file) });
  assert.equal(readFileSync(file, 'utf8'), 'new');
  await assert.rejects(peer.put(join(root, 'dir', '.other.sallyport-part'), 'x'), denied);
  await assert.rejects(peer.stat(join(root, 'dir')), denied);
  await assert.rejects(peer.stat(join(root, 'dir', 'deep')), denied);
  await assert.rejects(peer.put(`${part}/x`, 'x'), Refusal);
  await server.close();
  const reader = await serveHere({ params: { mode: 'read', roots: [file] }, home: outside });
  await assert.rejects(reader.peer.stat(part), denied);
  await reader.close();
  rmSync(file);
});

suite('S5 a link in the granted path itself', () => {
  const link = (): string => join(base, 'linked');
  after(() => rmSync(link(), { force: true }));

  test('S5 counts when root or the OS user made it', async () => {
    symlinkSync(root, link());
    for (const granted of [link(), join(link(), 'dir')]) {
      const server = await serveHere({ params: { mode: 'read', roots: [granted] }, home: outside });
      assert.ok((await server.peer.list(granted)).length > 0);
      await assert.rejects(server.peer.stat(join(base, 'outside')), denied);
      await server.close();
    }
  });

  test(
    'S5 is refused when another user made it',
    { skip: isRoot ? false : 'skipped: only root can give a link away' },
    async () => {
      rmSync(link(), { force: true });
      execFileSync('ln', ['-s', outside, link()]);
      execFileSync('chown', ['-h', '1', link()]);
      for (const granted of [link(), join(link(), 'secret')]) {
        const server = await serveHere({ params: { mode: 'read', roots: [granted] }, home: outside });
        await assert.rejects(server.peer.stat(granted), denied);
        await server.close();
      }
    },
  );
});

test('S5 while a directory and a link to the outside change places, nothing outside is reached', async () => {
  const places = { dir: join(root, 'swap'), kept: join(root, 'swap-kept'), link: join(root, 'swap-link') };
  mkdirSync(places.dir);
  writeFileSync(join(places.dir, 'secret'), 'harmless');
  symlinkSync(outside, places.link);
  const before = outsideNow();
  const swaps = new Int32Array(new SharedArrayBuffer(8));
  const hammer = new Worker(
    `const { workerData: { dir, kept, link, swaps } } = require('node:worker_threads');
     const { renameSync } = require('node:fs');
     while (Atomics.load(swaps, 0) === 0) {
       renameSync(dir, kept); renameSync(link, dir);
       renameSync(dir, link); renameSync(kept, dir);
       Atomics.add(swaps, 1, 1);
     }`,
    { eval: true, workerData: { ...places, swaps } },
  );
  const stopped = new Promise((resolve) => void hammer.once('exit', resolve));
  const seen = { inside: 0, refused: 0 };
  const meet = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      seen.inside += 1;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      seen.refused += 1;
    }
  };
  try {
    for (let round = 0; round < 5_000 && !(seen.inside > 100 && seen.refused > 100); round++) {
      const secret = join(places.dir, 'secret');
      const fresh = join(places.dir, `new-${round % 10}`);
      await meet(async () => assert.equal(await reading.peer.content(secret), 'harmless'));
      await meet(() => writing.peer.put(secret, 'harmless'));
      await meet(() => writing.peer.put(fresh, 'x'));
      await meet(async () => void (await writing.peer.must({ type: 'remove', path: bytes(fresh) })));
    }
  } finally {
    Atomics.store(swaps, 0, 1);
    await stopped;
  }
  assert.equal(outsideNow(), before);
  // Else the two did not meet, and nothing was shown.
  assert.ok(Atomics.load(swaps, 1) > 100, 'the hammer swapped too rarely');
  assert.ok(seen.inside > 10 && seen.refused > 10, JSON.stringify(seen));
});

test('S5 no path of hostile parts reaches the secret or leaves a file outside', async () => {
  symlinkSync('../outside', join(root, 'out'));
  symlinkSync('/', join(root, 'slash'));
  const before = outsideNow();
  const part = fc.constantFrom(
    '..',
    '.',
    '',
    '~',
    'out',
    'slash',
    'dir',
    'file',
    'root',
    'secret',
    'proc',
    'self',
    'cwd',
    'etc',
    'passwd',
    base.slice(1),
    root.slice(1),
    outside.slice(1),
    'a\nb',
    '\u00ff',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 8 }),
      fc.constantFrom(root, `${root}/`, '', '/', '~'),
      async (parts, head) => {
        const path = `${head}/${parts.join('/')}`;
        for (const request of everyRequest(path)) {
          if (request.type === 'remove' || request.type === 'posixRename' || request.type === 'rename')
            continue;
          const reply = await reading.peer.ask(request);
          if (reply.type === 'handle') await mustBeInside(reading.peer, reply.handle);
        }
        assert.equal(outsideNow(), before);
      },
    ),
    { numRuns: 300 },
  );
  for (const name of ['out', 'slash']) rmSync(join(root, name));
});

async function mustBeInside(peer: SftpPeer, handle: Uint8Array): Promise<void> {
  const reply = await peer.ask({ type: 'read', handle, offset: 0, length: 100 });
  if (reply.type === 'data') assert.match(Buffer.from(reply.data).toString(), /^(?:inside|deep)$/);
  await peer.must({ type: 'close', handle });
}
