// Random conversations in SFTP, held twice: once with our end, once with OpenSSH's in its place. What each
// request and each command came to, and the files that are there afterwards, have to be the same. Our codec
// asks OpenSSH's sftp-server and our server; OpenSSH's sftp client asks both as well.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { openFlag, statusCode } from '../../src/wire/sftp/codes.ts';
import type { SftpAttrs } from '../../src/wire/sftp/fields.ts';
import { bytes, Refusal, serveHere, startServer, type SftpPeer } from '../doubles/sftp-peer.ts';
import { treeOf } from '../doubles/tree.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'sallyport.js');
const client = '/usr/bin/sftp';
const server = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
].find((path) => existsSync(path));
const whyNot = server === undefined ? 'no sftp-server of OpenSSH on this machine' : false;

let base: string;

before(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-fuzz-'));
});
after(() => rmSync(base, { recursive: true, force: true }));

/** Latin-1 stands for bytes: some of these are no UTF-8, and one ends a line. */
const names = [
  'a',
  'b',
  'c',
  'd',
  'd/a',
  'd/b',
  'e/f/g',
  '-dash',
  'with space',
  'line\nfeed',
  '\u00ff\u00fe',
] as const;
const name = fc.constantFrom(...names);
const content = fc.uint8Array({ maxLength: 300 });
const mode = fc.constantFrom(0o600, 0o640, 0o644, 0o700, 0o755, 0o777);
const place = fc.nat({ max: 2_000 });

/** Folders that begin alike: what one end does happens in the first, what the other does in the second. */
function makeFolders(): readonly [string, string] {
  const folders = [join(base, 'ours'), join(base, 'theirs')] as const;
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'd'), { recursive: true });
    writeFileSync(join(folder, 'd', 'b'), 'was there before');
    for (const path of [join(folder, 'd', 'b'), join(folder, 'd')]) chmodSync(path, 0o755);
  }
  return folders;
}

/** Codes that clients act on; which of the others a server picks differs between versions of OpenSSH too. */
function kindOf(status: number): string {
  if (status === statusCode.noSuchFile) return 'not there';
  if (status === statusCode.eof) return 'at its end';
  return status === statusCode.permissionDenied ? 'denied' : 'refused';
}

/** One request each, so that a batch of them may be under way at once; reads and writes have a channel each. */
const looks = fc.record({ do: fc.constantFrom(...(['stat', 'lstat'] as const)), name });
const changes = fc.oneof(
  fc.record({ do: fc.constantFrom(...(['remove', 'rmdir', 'mkdir'] as const)), name }),
  fc.record({ do: fc.constantFrom(...(['rename', 'posixRename'] as const)), name, to: name }),
  fc.record({ do: fc.constant('resize' as const), name, size: place }),
  fc.record({ do: fc.constant('chmod' as const), name, mode }),
  fc.record({ do: fc.constant('touch' as const), name, mtime: fc.nat({ max: 0x7fffffff }) }),
);
const several = fc.oneof(
  fc.record({ do: fc.constant('put' as const), name, content }),
  fc.record({ do: fc.constantFrom(...(['get', 'list'] as const)), name }),
  fc.record({ do: fc.constant('write' as const), name, at: place, content }),
  fc.record({ do: fc.constant('read' as const), name, at: place, length: place }),
  fc.record({ do: fc.constant('append' as const), name, content }),
  fc.record({ do: fc.constant('create' as const), name, content }),
);
const batch: fc.Arbitrary<readonly Step[]> = fc.oneof(
  several.map((step) => [step]),
  fc.array(looks, { minLength: 1, maxLength: 8 }),
  fc.array(changes, { minLength: 1, maxLength: 8 }),
);
type Made<T> = T extends fc.Arbitrary<infer U> ? U : never;
type Step = Made<typeof looks> | Made<typeof changes> | Made<typeof several>;

interface Peers {
  readonly read: SftpPeer;
  readonly write: SftpPeer;
}

/** What came of it, as far as it does not say where. */
async function outcomeOf(peers: Peers, folder: string, step: Step): Promise<unknown> {
  try {
    return await perform(peers, folder, step);
  } catch (error) {
    if (error instanceof Refusal) return kindOf(error.status);
    throw error;
  }
}

async function perform({ read, write }: Peers, folder: string, step: Step): Promise<unknown> {
  const at = Buffer.from(`${folder}/${step.name}`, 'latin1');
  switch (step.do) {
    case 'stat':
    case 'lstat': {
      const reply = await read.must({ type: step.do, path: at });
      return reply.type === 'attrs' ? factsOf(reply.attrs) : reply.type;
    }
    case 'remove':
    case 'rmdir':
      return (await write.must({ type: step.do, path: at })).type;
    case 'mkdir':
      return (await write.must({ type: 'mkdir', path: at, attrs: { permissions: 0o755 } })).type;
    case 'rename':
    case 'posixRename': {
      const to = Buffer.from(`${folder}/${step.to}`, 'latin1');
      return (await write.must({ type: step.do, from: at, to })).type;
    }
    case 'resize':
      return (await write.must({ type: 'setstat', path: at, attrs: { size: step.size } })).type;
    case 'chmod':
      return (await write.must({ type: 'setstat', path: at, attrs: { permissions: step.mode } })).type;
    case 'touch': {
      const { mtime } = step;
      return (await write.must({ type: 'setstat', path: at, attrs: { atime: mtime, mtime } })).type;
    }
    case 'put':
      return await writeTo(write, at, openFlag.create | openFlag.truncate, step);
    case 'create':
      return await writeTo(write, at, openFlag.create | openFlag.exclusive, step);
    case 'append':
      return await writeTo(write, at, openFlag.create | openFlag.append, step);
    case 'write':
      return await writeTo(write, at, 0, step);
    case 'get':
      return await readFrom(read, at, { at: 0, length: 65_536 });
    case 'read':
      return await readFrom(read, at, step);
    case 'list':
      return (await read.list(at))
        .map((entry) => Buffer.from(entry.name).toString('latin1'))
        .filter((entry) => entry !== '.' && entry !== '..')
        .sort();
    default:
      return step satisfies never;
  }
}

/** A directory's size is its file system's business. */
function factsOf({ permissions = 0, size }: SftpAttrs): unknown {
  return [permissions, (permissions & 0o170000) === 0o100000 ? size : undefined];
}

async function writeTo(
  peer: SftpPeer,
  path: Uint8Array,
  flags: number,
  { at = 0, content: data }: { readonly at?: number; readonly content: Uint8Array },
): Promise<unknown> {
  const handle = await peer.open(path, openFlag.write | flags, { permissions: 0o644 });
  try {
    const half = Math.floor(data.length / 2);
    // Two parts, without waiting in between.
    const written = await Promise.all([
      peer.must({ type: 'write', handle, offset: at, data: data.subarray(0, half) }),
      peer.must({ type: 'write', handle, offset: at + half, data: data.subarray(half) }),
    ]);
    const facts = await peer.must({ type: 'fstat', handle });
    return [written.map(({ type }) => type), facts.type === 'attrs' ? factsOf(facts.attrs) : facts.type];
  } finally {
    await peer.must({ type: 'close', handle });
  }
}

async function readFrom(
  peer: SftpPeer,
  path: Uint8Array,
  { at, length }: { readonly at: number; readonly length: number },
): Promise<string> {
  const handle = await peer.open(path, openFlag.read);
  try {
    return Buffer.from(await peer.read(handle, at, length)).toString('latin1');
  } finally {
    await peer.must({ type: 'close', handle });
  }
}

suite('the same conversation with either end', { skip: whyNot }, () => {
  test('any requests come to the same at our server and at that of OpenSSH', async () => {
    const [mine, theirs] = makeFolders();
    const openSsh = await startServer([server ?? '']);
    const ours = {
      read: await serveHere({ params: { mode: 'read', roots: [mine] }, home: base }),
      write: await serveHere({ params: { mode: 'write', roots: [mine] }, home: base }),
    };
    const ends = [
      { peers: { read: ours.read.peer, write: ours.write.peer }, folder: mine },
      { peers: { read: openSsh.peer, write: openSsh.peer }, folder: theirs },
    ] as const;
    const take = async (end: (typeof ends)[number], steps: readonly Step[]): Promise<readonly unknown[]> =>
      await Promise.all(steps.map((step) => outcomeOf(end.peers, end.folder, step)));
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(batch, { maxLength: 30 }), async (batches) => {
          makeFolders();
          for (const steps of batches) {
            assert.deepEqual(await take(ends[0], steps), await take(ends[1], steps), JSON.stringify(steps));
          }
          assert.deepEqual(treeOf(mine), treeOf(theirs));
        }),
        { numRuns: 150 },
      );
    } finally {
      await openSsh.close();
      await ours.read.close();
      await ours.write.close();
    }
  });

  const whyNoClient = existsSync(client) ? false : `no ${client}`;
  test('any commands of its sftp come to the same', { skip: whyNoClient }, async () => {
    const path = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/b', 'd/new', 'e', 'with space', '\u00ff\u00fe');
    const remote = path.map((text) => `"R/${text}"`);
    const local = fc.constantFrom('empty', 'short', 'long').map((text) => `L/${text}`);
    const write = fc.oneof(
      fc.tuple(fc.constantFrom('put', 'put -p', 'put -f', 'reput'), local, remote),
      fc.tuple(fc.constantFrom('mkdir', 'rmdir', 'rm', 'chmod 640', 'chmod 755'), remote),
      fc.tuple(fc.constant('rename'), remote, remote),
      // Never below a folder that is missing: the client asks for the path's usual form first (see inKinds).
      fc.tuple(fc.constant('put -R'), fc.constant('L/tree'), fc.constantFrom('"R/a"', '"R/b"', '"R/e"')),
    );
    const read = fc.oneof(
      fc.tuple(fc.constantFrom('get', 'get -p', 'reget'), remote, fc.constantFrom('G/a', 'G/b')),
      fc.tuple(fc.constant('get -R'), remote, fc.constantFrom('G/c', 'G')),
      fc.tuple(fc.constantFrom('ls -1', 'ls -1r', 'cd'), remote),
    );
    const commands = (one: fc.Arbitrary<readonly string[]>, maxLength: number): fc.Arbitrary<string[]> =>
      fc.array(
        one.map((words) => words.join(' ')),
        { maxLength },
      );
    makeLocalFiles();
    // A start of our server each: few runs, long conversations.
    await fc.assert(
      fc.asyncProperty(commands(write, 30), commands(read, 15), async (writes, reads) => {
        const [mine, theirs] = makeFolders();
        for (const [kind, lines] of [
          ['write', writes],
          ['read', reads],
        ] as const) {
          const [here, there] = await Promise.all([
            sftp(ourServer(kind, mine), mine, lines),
            sftp(server ?? '', theirs, lines),
          ]);
          assert.deepEqual(here, there);
        }
        assert.deepEqual(treeOf(mine), treeOf(theirs));
        assert.deepEqual(treeOf(gotten(mine)), treeOf(gotten(theirs)));
      }),
      { numRuns: 12 },
    );
  });
});

function makeLocalFiles(): void {
  const folder = join(base, 'local');
  mkdirSync(join(folder, 'tree', 'sub'), { recursive: true });
  for (const [file, text] of [
    ['empty', ''],
    ['short', 'short'],
    ['long', 'long '.repeat(20_000)],
    ['tree/one', 'one'],
    ['tree/sub/two', 'two'],
  ] as const) {
    writeFileSync(join(folder, file), text);
  }
}

/** Where downloads from this folder go. */
function gotten(folder: string): string {
  return `${folder}-gotten`;
}

function ourServer(kind: 'read' | 'write', root: string): string {
  const params = JSON.stringify({ kind: 'files', mode: kind, roots: [root] });
  const words = [process.execPath, program, 'agent', 'files-server', '--params', params];
  const wrapper = join(base, `serve-${kind}`);
  // What it says on standard error is for the agent that starts it.
  const line = `exec ${words.map((word) => `'${word}'`).join(' ')} 2>/dev/null`;
  writeFileSync(wrapper, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return wrapper;
}

interface Said {
  readonly code: number | null;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** A batch in which no failure ends it: R/ is the folder, L/ what may be sent, G/ where downloads go. */
async function sftp(serve: string, folder: string, commands: readonly string[]): Promise<Said> {
  rmSync(gotten(folder), { recursive: true, force: true });
  mkdirSync(gotten(folder));
  const places: Readonly<Record<string, string>> = { R: folder, L: join(base, 'local'), G: gotten(folder) };
  // In one go: a folder's own name may end like one of the places.
  const lines = commands.map((command) =>
    `-${command}\n`.replace(/(?<=[ "])[RLG](?=[/\n])/g, (place) => places[place] ?? place),
  );
  const child = spawn(client, ['-q', '-b', '-', '-D', serve], { cwd: base });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => void (said.out += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => void (said.err += chunk.toString('latin1')));
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(bytes(Buffer.from(lines.join(''), 'latin1')));
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  const linesOf = (text: string): readonly string[] => text.replaceAll(folder, 'R').split('\n');
  return { code, out: linesOf(said.out), err: linesOf(said.err).map(inKinds) };
}

/**
 * Which of the codes for "no" a server picks differs between versions of OpenSSH too. Our REALPATH is about the
 * text alone, so of a path that is not there the client hears by the question after it.
 */
function inKinds(line: string): string {
  return line
    .replace(/(?:Failure|Bad message|Operation unsupported)\r?$/, 'refused')
    .replace(/^(?:stat remote|realpath .*): No such file(?: or directory)?\r?$/, 'not there');
}
