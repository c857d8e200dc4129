// Our SFTP against OpenSSH's, both ways round: its sftp client in front of our files server, and our codec
// as a client in front of its sftp-server. Real processes, real pipes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { dataMaxBytes, openFlag, statusCode } from '../../src/wire/sftp/codes.ts';
import { bytes, startServer, type SftpPeer } from '../doubles/sftp-peer.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'sallyport.js');
const client = '/usr/bin/sftp';
const server = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
].find((path) => existsSync(path));

let base: string;
let root: string;

before(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-openssh-'));
  root = join(base, 'device');
  mkdirSync(root);
});
after(() => rmSync(base, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** One batch of commands for OpenSSH's sftp, with our server at its other end. */
async function sftp(
  mode: 'read' | 'write',
  commands: readonly (string | Buffer)[],
  options: readonly string[] = [],
): Promise<Ran> {
  const params = JSON.stringify({ kind: 'files', mode, roots: [root] });
  const wrapper = join(base, `serve-${mode}`);
  const quoted = [process.execPath, program, 'agent', 'files-server', '--params', params].map(
    (word) => `'${word}'`,
  );
  writeFileSync(wrapper, `#!/bin/sh\nexec ${quoted.join(' ')}\n`);
  chmodSync(wrapper, 0o755);
  const child = spawn(client, [...options, '-b', '-', '-D', wrapper], { cwd: base });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString('latin1')));
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(Buffer.concat(commands.map((line) => Buffer.concat([bytes(line), Buffer.from('\n')]))));
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  return { code, out, err };
}

async function mustSftp(...args: Parameters<typeof sftp>): Promise<Ran> {
  const ran = await sftp(...args);
  assert.equal(ran.code, 0, ran.err);
  return ran;
}

suite('OpenSSH as the client', { skip: existsSync(client) ? false : `skipped: no ${client}` }, () => {
  for (const [what, make] of [
    ['0 bytes', (path: string) => writeFileSync(path, '')],
    ['one byte', (path: string) => writeFileSync(path, 'x')],
    ['exactly one packet', (path: string) => writeFileSync(path, randomBytes(dataMaxBytes))],
    ['100 MB', (path: string) => writeFileSync(path, randomBytes(100_000_000))],
    ['holes', (path: string) => sparse(path)],
  ] as const) {
    test(`a file of ${what} goes up and comes back the same`, async () => {
      const [here, there, back] = ['here', 'device/there', 'back'].map((name) => join(base, name));
      assert.ok(here !== undefined && there !== undefined && back !== undefined);
      make(here);
      await mustSftp('write', [`put ${here} ${there}`]);
      assert.equal(hashOf(there), hashOf(here));
      await mustSftp('read', [`get ${there} ${back}`]);
      assert.equal(hashOf(back), hashOf(here));
      for (const path of [here, there, back]) rmSync(path);
    });
  }

  test('an older client, with 32 KiB requests and none of the extensions in use, gets the whole file', async () => {
    const content = randomBytes(5_000_000);
    writeFileSync(join(root, 'whole'), content);
    const back = join(base, 'whole');
    await mustSftp('read', [`get ${root}/whole ${back}`], ['-B', '32768', '-R', '64']);
    assert.ok(readFileSync(back).equals(content));
    await mustSftp('write', [`put ${back} ${root}/again`], ['-B', '1000', '-R', '200']);
    assert.ok(readFileSync(join(root, 'again')).equals(content));
  });

  test('directories are made, listed, renamed and removed', async () => {
    await mustSftp('write', [
      `mkdir ${root}/made`,
      `put ${program} ${root}/made/first`,
      `rename ${root}/made/first ${root}/made/second`,
      `chmod 640 ${root}/made/second`,
    ]);
    const { out } = await mustSftp('read', [`ls -l ${root}/made`]);
    assert.match(out, /^-rw-r-----.* second$/m);
    assert.equal(statSync(join(root, 'made', 'second')).mode & 0o777, 0o640);
    await mustSftp('write', [`rm ${root}/made/second`, `rmdir ${root}/made`]);
    assert.ok(!existsSync(join(root, 'made')));
  });

  test('a tree goes up and comes back with its times and modes', async () => {
    const tree = join(base, 'tree');
    mkdirSync(join(tree, 'sub', 'deeper'), { recursive: true });
    for (const name of ['one', 'sub/two', 'sub/deeper/three'])
      writeFileSync(join(tree, name), name, { mode: 0o750 });
    await mustSftp('write', [`put -pR ${tree} ${root}/tree`]);
    await mustSftp('read', [`get -pR ${root}/tree ${base}/tree-back`]);
    for (const name of ['one', 'sub/two', 'sub/deeper/three']) {
      assert.equal(readFileSync(join(base, 'tree-back', name), 'utf8'), name);
      const [before, now] = [statSync(join(tree, name)), statSync(join(base, 'tree-back', name))];
      assert.deepEqual(
        [now.mode, Math.floor(now.mtimeMs / 1_000)],
        [before.mode, Math.floor(before.mtimeMs / 1_000)],
      );
    }
  });

  test('names that are not UTF-8 go both ways', async () => {
    const name = Buffer.from([0x62, 0xff, 0xe9, 0x2e]);
    const there = Buffer.concat([bytes(`${root}/`), name]);
    writeFileSync(there, 'bytes');
    await mustSftp('read', [Buffer.concat([bytes('get "'), there, bytes(`" ${base}/odd`)])]);
    assert.equal(readFileSync(join(base, 'odd'), 'utf8'), 'bytes');
    await mustSftp('write', [Buffer.concat([bytes('rm "'), there, bytes('"')])]);
    assert.ok(!existsSync(there));
  });

  test('S5 what was not granted is refused, in the words that the client has for it', async () => {
    writeFileSync(join(base, 'secret'), 'secret');
    writeFileSync(join(root, 'readable'), 'x');
    for (const [mode, command] of [
      ['read', `get ${base}/secret ${base}/stolen`],
      ['read', `get ${root}/../secret ${base}/stolen`],
      ['read', `put ${program} ${root}/unwanted`],
      ['read', `rm ${root}/readable`],
      ['write', `put ${program} ${base}/unwanted`],
      ['write', `ln -s /etc ${root}/link`],
      ['write', `get ${root}/readable ${base}/stolen`],
    ] as const) {
      const { code, err } = await sftp(mode, [command]);
      assert.equal(code, 1, command);
      assert.match(err, /denied|not found/i, command);
    }
    for (const path of [`${base}/stolen`, `${root}/unwanted`, `${base}/unwanted`, `${root}/link`]) {
      assert.ok(!existsSync(path) || statSync(path).size === 0, path);
    }
    assert.ok(existsSync(join(root, 'readable')));
  });
});

suite(
  'OpenSSH as the server',
  { skip: server === undefined ? 'skipped: no sftp-server of OpenSSH' : false },
  () => {
    test('files, directories and names that it has are read by our codec, and it understands ours', async () => {
      const theirs = await startServer([server ?? '']);
      await exercise(theirs.peer, join(base, 'theirs'));
      await theirs.close();
    });
  },
);

/** Both servers are taken through it. */
async function exercise(peer: SftpPeer, folder: string): Promise<void> {
  mkdirSync(folder);
  const content = randomBytes(200_000);
  const name = Buffer.concat([bytes(`${folder}/`), Buffer.from([0xff, 0x0a, 0x62])]);
  const handle = await peer.open(name, openFlag.read | openFlag.write | openFlag.create, {
    permissions: 0o600,
  });
  const writes = [0, 1, 2, 3].map((n) =>
    peer.must({
      type: 'write',
      handle,
      offset: n * 50_000,
      data: content.subarray(n * 50_000, (n + 1) * 50_000),
    }),
  );
  await Promise.all(writes);
  await peer.must({ type: 'fsync', handle });
  await peer.must({ type: 'fsetstat', handle, attrs: { permissions: 0o640, atime: 5, mtime: 1_000 } });
  const parts = await Promise.all([0, 1, 2, 3].map((n) => peer.read(handle, n * 50_000, 50_000)));
  assert.ok(Buffer.concat(parts).equals(content));
  await assert.rejects(peer.read(handle, content.length, 10), { status: statusCode.eof });
  const facts = await peer.must({ type: 'fstat', handle });
  assert.ok(facts.type === 'attrs');
  const { size, permissions, mtime } = facts.attrs;
  assert.deepEqual([size, permissions, mtime], [content.length, 0o100640, 1_000]);
  await peer.must({ type: 'close', handle });
  const entry = (await peer.list(folder)).find((found) => found.name[0] === 0xff);
  assert.deepEqual(
    [entry?.attrs.size, Buffer.from(entry?.name ?? []).toString('hex')],
    [content.length, 'ff0a62'],
  );
  const whole = await peer.must({ type: 'realpath', path: bytes(folder) });
  assert.ok(whole.type === 'name' && Buffer.from(whole.entries[0]?.name ?? []).toString() === folder);
  await peer.must({ type: 'symlink', target: bytes('elsewhere'), link: bytes(`${folder}/link`) });
  const text = await peer.must({ type: 'readlink', path: bytes(`${folder}/link`) });
  assert.ok(text.type === 'name' && Buffer.from(text.entries[0]?.name ?? []).toString() === 'elsewhere');
  await peer.must({ type: 'posixRename', from: name, to: bytes(`${folder}/renamed`) });
  await peer.must({ type: 'remove', path: bytes(`${folder}/renamed`) });
  await assert.rejects(peer.stat(`${folder}/renamed`), { status: statusCode.noSuchFile });
}

function sparse(path: string): void {
  writeFileSync(path, 'head');
  truncateSync(path, 20_000_000);
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
