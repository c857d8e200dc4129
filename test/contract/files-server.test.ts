// The files server beyond confinement: order, bounds, faults of disks and peers, and names that are no text.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { serveFiles } from '../../src/agent/files-server/serve.ts';
import { limits } from '../../src/core/limits.ts';
import { dataMaxBytes, extension, openFlag, SftpError, statusCode } from '../../src/wire/sftp/codes.ts';
import { decodeHashed, decodeLimits, type NumberedReply } from '../../src/wire/sftp/replies.ts';
import { encodeRequest } from '../../src/wire/sftp/requests.ts';
import { bytes, Refusal, serveHere, type LocalServer } from '../doubles/sftp-peer.ts';

const write = openFlag.write | openFlag.create;

let root: string;
let reading: LocalServer;
let writing: LocalServer;

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
  reading = await serveHere({ params: { mode: 'read', roots: [root] }, home: root });
  writing = await serveHere({ params: { mode: 'write', roots: [root] }, home: root });
});

after(async () => {
  await reading.close();
  await writing.close();
  rmSync(root, { recursive: true, force: true });
});

test('replies come in the order of requests, however many READs are under way and however long each takes', async () => {
  const content = randomBytes(8 * 1024 * 1024);
  writeFileSync(join(root, 'order'), content);
  const { peer } = await serveHere({ params: { mode: 'read', roots: [root] }, home: root });
  const handle = await peer.open('order', openFlag.read);
  const first = peer.answered.length;
  const replies: Promise<NumberedReply>[] = [];
  for (let n = 0; n < limits.filesRequestsInFlight * 3; n++) {
    // Long, short, behind the end, and a look in between.
    const offset = (n * 997_331) % content.length;
    if (n % 7 === 3) replies.push(peer.ask({ type: 'stat', path: bytes('order') }));
    else if (n % 7 === 5)
      replies.push(peer.ask({ type: 'read', handle, offset: content.length, length: 10 }));
    else replies.push(peer.ask({ type: 'read', handle, offset, length: n % 2 === 0 ? dataMaxBytes : 3 }));
  }
  const told = await Promise.all(replies);
  const order = peer.answered.slice(first);
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  for (const [n, reply] of told.entries()) {
    if (n % 7 === 3) assert.equal(reply.type, 'attrs');
    else if (n % 7 === 5) assert.ok(reply.type === 'status' && reply.code === statusCode.eof);
    else {
      assert.ok(reply.type === 'data');
      const offset = (n * 997_331) % content.length;
      const wanted = content.subarray(offset, offset + (n % 2 === 0 ? dataMaxBytes : 3));
      assert.ok(wanted.equals(reply.data), `read ${n}`);
    }
  }
});

test('requests that change something happen in their order, with nobody waiting for an answer', async () => {
  const { peer } = writing;
  const path = bytes('sequence');
  const handle = await peer.open(path, write);
  const replies = [
    peer.ask({ type: 'write', handle, offset: 0, data: Buffer.alloc(dataMaxBytes, 'a') }),
    peer.ask({ type: 'write', handle, offset: 0, data: bytes('first') }),
    peer.ask({ type: 'write', handle, offset: 0, data: bytes('second') }),
    peer.ask({
      type: 'fsetstat',
      handle,
      attrs: { size: 6, permissions: 0o640, atime: 7, mtime: 1_000_000 },
    }),
    peer.ask({ type: 'fsync', handle }),
    peer.ask({ type: 'close', handle }),
    peer.ask({ type: 'posixRename', from: path, to: bytes('settled') }),
  ];
  for (const reply of await Promise.all(replies))
    assert.ok(reply.type === 'status' && reply.code === statusCode.ok);
  assert.equal(readFileSync(join(root, 'settled'), 'utf8'), 'second');
  const { mode, mtimeMs } = statSync(join(root, 'settled'));
  assert.deepEqual([mode & 0o777, mtimeMs], [0o640, 1_000_000_000]);
});

test('a client that takes no replies is read no further, and memory stays bounded', async () => {
  writeFileSync(join(root, 'large'), Buffer.alloc(dataMaxBytes));
  const input = new PassThrough({ highWaterMark: 1 });
  const output = new PassThrough({ highWaterMark: 1 });
  const done = serveFiles({ params: { mode: 'read', roots: [root] }, home: root, input, output });
  input.write(encodeRequest({ type: 'init', version: 3 }));
  input.write(encodeRequest({ type: 'open', id: 0, path: bytes('large'), flags: openFlag.read, attrs: {} }));
  const handle = Buffer.from([0, 0, 0, 1]);
  let taken = 0;
  for (let id = 1; id <= 1_000; id++) {
    const request = { type: 'read', id, handle, offset: 0, length: dataMaxBytes } as const;
    input.write(encodeRequest(request), () => void (taken += 1));
  }
  await untilNoMore(() => taken);
  assert.ok(taken > limits.filesReadsAhead, `took ${taken} requests`);
  assert.ok(taken <= limits.filesRequestsInFlight + 4, `took ${taken} requests`);
  assert.ok(output.readableLength <= 2 * (dataMaxBytes + 1024), `holds ${output.readableLength} bytes`);
  output.resume();
  input.end();
  await done;
});

/** Until many turns of the loop, with the disk in between, have not moved the number. */
async function untilNoMore(count: () => number): Promise<void> {
  for (let last = -1; last !== count();) {
    last = count();
    for (let turns = 0; turns < 200; turns++) await readdir(root);
  }
}

test('what is no SFTP ends the channel with SftpError, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.boolean(),
      async (garbage, hasInit) => {
        const server = await serveHere({
          params: { mode: 'write', roots: [join(root, 'none')] },
          home: root,
        });
        if (hasInit) server.peer.raw(encodeRequest({ type: 'init', version: 3 }));
        server.peer.raw(garbage);
        server.peer.endInput();
        await server.done.then(
          () => undefined,
          (error: unknown) => assert.ok(error instanceof SftpError, String(error)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('requests before INIT, and a second INIT, end the channel', async () => {
  for (const first of [
    encodeRequest({ type: 'stat', id: 1, path: bytes('/') }),
    encodeRequest({ type: 'init', version: 2 }),
  ]) {
    const input = new PassThrough();
    input.end(first);
    const params = { mode: 'read', roots: [root] } as const;
    await assert.rejects(serveFiles({ params, home: root, input, output: new PassThrough() }), SftpError);
  }
  const server = await serveHere({ params: { mode: 'read', roots: [root] }, home: root });
  server.peer.raw(encodeRequest({ type: 'init', version: 3 }));
  await assert.rejects(server.done, SftpError);
});

test('a request that is not known is refused alone', async () => {
  const unknown = await reading.peer.ask({ type: 'unknown', code: 99 });
  assert.ok(unknown.type === 'status' && unknown.code === statusCode.unsupported);
  const extended = await reading.peer.ask({
    type: 'extended',
    name: 'statvfs@openssh.com',
    data: bytes('x'),
  });
  assert.ok(extended.type === 'status' && extended.code === statusCode.unsupported);
  assert.equal((await reading.peer.stat('.')).permissions, statSync(root).mode);
});

test('a handle that is closed, foreign, or of the other kind is refused', async () => {
  writeFileSync(join(root, 'handled'), 'x');
  const { peer } = await serveHere({ params: { mode: 'read', roots: [root] }, home: root });
  const file = await peer.open('handled', openFlag.read);
  await assert.rejects(peer.must({ type: 'readdir', handle: file }), Refusal);
  await peer.must({ type: 'close', handle: file });
  for (const handle of [file, Buffer.alloc(4), Buffer.alloc(0), Buffer.alloc(256, 1)]) {
    await assert.rejects(peer.read(handle, 0, 1), Refusal);
    await assert.rejects(peer.must({ type: 'close', handle }), Refusal);
  }
});

test(`at most ${limits.filesHandlesMax} files are open, and one that is closed makes room`, async () => {
  writeFileSync(join(root, 'handled'), 'x');
  const server = await serveHere({ params: { mode: 'read', roots: [root] }, home: root });
  const handles: Uint8Array[] = [];
  for (let n = 0; n < limits.filesHandlesMax; n++) {
    handles.push(await server.peer.open('handled', openFlag.read));
  }
  await assert.rejects(server.peer.open('handled', openFlag.read), { status: statusCode.failure });
  await assert.rejects(server.peer.list('.'), { status: statusCode.failure });
  await server.peer.must({ type: 'close', handle: handles[0] ?? assert.fail() });
  await server.peer.open('handled', openFlag.read);
  await server.close();
});

test('names with newlines, and names that are not UTF-8, come back as they are', async () => {
  mkdirSync(join(root, 'names'));
  const names = [
    Buffer.from('line\nfeed'),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from('\u00e9'),
    Buffer.from([0xe9]),
  ];
  for (const name of names) {
    await writing.peer.put(Buffer.concat([bytes('names/'), name]), name.toString('hex'));
  }
  const listed = (await reading.peer.list('names'))
    .map(({ name }) => Buffer.from(name).toString('hex'))
    .sort();
  assert.deepEqual(listed, names.map((name) => name.toString('hex')).sort());
  for (const name of names) {
    const path = Buffer.concat([bytes(`${root}/names/`), name]);
    assert.equal(await reading.peer.content(path), name.toString('hex'));
    assert.equal(readFileSync(path, 'utf8'), name.toString('hex'));
  }
});

test('a directory of thousands is listed whole, in bounded replies', async () => {
  mkdirSync(join(root, 'many'));
  const wanted: string[] = [];
  for (let n = 0; n < 3_000; n++) {
    wanted.push(`n${n}`);
    writeFileSync(join(root, 'many', `n${n}`), '');
  }
  const listed = (await reading.peer.list('many')).map(({ name }) => Buffer.from(name).toString());
  assert.deepEqual(listed.sort(), wanted.sort());
});

test('a rename does not replace, but the posix one does', async () => {
  writeFileSync(join(root, 'from'), 'new');
  writeFileSync(join(root, 'to'), 'old');
  mkdirSync(join(root, 'from-dir'));
  mkdirSync(join(root, 'to-dir'));
  const { peer } = writing;
  for (const [from, to] of [
    ['from', 'to'],
    ['from-dir', 'to-dir'],
  ] as const) {
    await assert.rejects(peer.must({ type: 'rename', from: bytes(from), to: bytes(to) }), {
      status: statusCode.failure,
    });
  }
  assert.equal(readFileSync(join(root, 'to'), 'utf8'), 'old');
  await peer.must({ type: 'posixRename', from: bytes('from'), to: bytes('to') });
  assert.equal(readFileSync(join(root, 'to'), 'utf8'), 'new');
  await peer.must({ type: 'rename', from: bytes('to'), to: bytes('from') });
  await peer.must({ type: 'rename', from: bytes('from-dir'), to: bytes('free-dir') });
});

test('a hash is of the file as it lies there, whole or a range', async () => {
  const content = randomBytes(3 * 1024 * 1024 + 17);
  writeFileSync(join(root, 'hashed'), content);
  const handle = await reading.peer.open('hashed', openFlag.read);
  for (const [offset, length, expected] of [
    [0, 0, content],
    [0, 5, content.subarray(0, 5)],
    [1_000, 2_000_000, content.subarray(1_000, 2_001_000)],
    [content.length - 3, 100, content.subarray(-3)],
    [content.length, 0, Buffer.alloc(0)],
  ] as const) {
    const reply = await reading.peer.must({ type: 'sha256', handle, offset, length });
    assert.ok(reply.type === 'extendedReply');
    const { hash, bytes: count } = decodeHashed(reply.data);
    assert.deepEqual(Buffer.from(hash), createHash('sha256').update(expected).digest());
    assert.equal(count, expected.length);
  }
  await reading.peer.must({ type: 'close', handle });
  const written = await writing.peer.open('hashed', openFlag.write);
  const whole = await writing.peer.must({
    type: 'sha256',
    handle: written,
    offset: 0,
    length: content.length,
  });
  assert.ok(whole.type === 'extendedReply');
  assert.equal(decodeHashed(whole.data).bytes, content.length);
});

test('the limits that a server tells are those it keeps', async () => {
  assert.ok(reading.peer.extensions.has(extension.limits));
  const reply = await reading.peer.must({ type: 'limits' });
  assert.ok(reply.type === 'extendedReply');
  const told = decodeLimits(reply.data);
  writeFileSync(join(root, 'wide'), Buffer.alloc(told.readBytes + 10));
  const handle = await reading.peer.open('wide', openFlag.read);
  assert.equal((await reading.peer.read(handle, 0, told.readBytes)).length, told.readBytes);
  // More than it gives is not an error: a reply may be shorter.
  assert.equal((await reading.peer.read(handle, 0, 0xffffffff)).length, told.readBytes);
  assert.ok(!reading.peer.extensions.has(extension.posixRename), 'a reader is offered no rename');
  assert.ok(writing.peer.extensions.has(extension.posixRename));
});

test('a file that shrinks while it is read ends early, and one that grows is read on', async () => {
  const path = join(root, 'changing');
  writeFileSync(path, Buffer.alloc(1_000_000, 'a'));
  const handle = await reading.peer.open('changing', openFlag.read);
  assert.equal((await reading.peer.read(handle, 0, 100_000)).length, 100_000);
  truncateSync(path, 150_000);
  assert.equal((await reading.peer.read(handle, 100_000, 100_000)).length, 50_000);
  await assert.rejects(reading.peer.read(handle, 200_000, 100_000), { status: statusCode.eof });
  writeFileSync(path, Buffer.alloc(300_000, 'b'));
  assert.equal((await reading.peer.read(handle, 200_000, 100_000)).length, 100_000);
});

test('an empty file, a sparse one, and one beyond 4 GiB are read where they are asked for', async () => {
  const sparse = join(root, 'sparse');
  writeFileSync(sparse, '');
  const empty = await reading.peer.open('sparse', openFlag.read);
  await assert.rejects(reading.peer.read(empty, 0, 10), { status: statusCode.eof });
  truncateSync(sparse, 5 * 2 ** 30);
  const handle = await writing.peer.open('sparse', openFlag.write);
  const data = bytes('far out');
  await writing.peer.must({ type: 'write', handle, offset: 5 * 2 ** 30, data });
  assert.equal((await reading.peer.stat('sparse')).size, 5 * 2 ** 30 + data.length);
  assert.equal(Buffer.from(await reading.peer.read(empty, 5 * 2 ** 30, 100)).toString(), 'far out');
  assert.ok((await reading.peer.read(empty, 2 ** 32 + 5, 10)).every((byte) => byte === 0));
  assert.ok(statSync(sparse).blocks < 100, 'what was not written takes no room');
});

function whyNoDisk(): string | false {
  if (process.getuid?.() !== 0) return 'skipped: mounting a small disk needs root';
  const ran = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return ran.status === 0 ? false : 'skipped: no tmpfs can be mounted here';
}

test('a full disk is said in words, and what was there stays', { skip: whyNoDisk() }, async () => {
  const disk = join(root, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  const server = await serveHere({ params: { mode: 'write', roots: [disk] }, home: root });
  try {
    const { peer } = server;
    await peer.put(join(disk, 'kept'), 'kept');
    const handle = await peer.open(join(disk, 'filler'), write);
    let refusal: unknown;
    for (let n = 0; n < 20 && refusal === undefined; n++) {
      const data = Buffer.alloc(100_000, 1);
      refusal = await peer.must({ type: 'write', handle, offset: n * data.length, data }).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    assert.ok(refusal instanceof Refusal);
    assert.deepEqual([refusal.status, refusal.message], [statusCode.failure, 'no space is left on the disk']);
    assert.equal(readFileSync(join(disk, 'kept'), 'utf8'), 'kept');
    await peer.must({ type: 'close', handle });
    await peer.must({ type: 'remove', path: bytes(join(disk, 'filler')) });
    await peer.put(join(disk, 'after'), 'room again');
  } finally {
    await server.close();
    execFileSync('umount', [disk]);
  }
});
