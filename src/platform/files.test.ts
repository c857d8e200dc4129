import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FileFault, fileFault } from './file-fault.ts';
import {
  ensurePrivateDir,
  readPrivateFile,
  readPrivateFileSync,
  removeFile,
  writeFileAtomic,
} from './files.ts';
import {
  generateEd25519,
  generateP256,
  loadPrivateKey,
  loadPrivateKeySync,
  spkiOf,
  storePrivateKey,
} from './keys.ts';

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

function isFault(code: FileFault['code'], words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof FileFault, String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message}; ${error.next}`, words);
    return true;
  };
}

test('a private directory is made 0700 with its parents, and accepted again', async (t) => {
  const path = join(scratch(t), 'a', 'b');
  await ensurePrivateDir(path);
  await ensurePrivateDir(path);
  assert.equal(modeOf(path), 0o700);
  assert.equal(modeOf(join(path, '..')), 0o700);
});

test('L20 a directory that others may enter is refused, with the command that mends it', async (t) => {
  const path = join(scratch(t), 'open');
  mkdirSync(path);
  for (const mode of [0o701, 0o750, 0o755, 0o770]) {
    chmodSync(path, mode);
    const words = new RegExp(`mode ${mode.toString(8)}.*chmod 700 ${path}`);
    await assert.rejects(ensurePrivateDir(path), isFault('loose_mode', words));
  }
});

test('a file in the place of a private directory is refused', async (t) => {
  const path = join(scratch(t), 'file');
  writeFileSync(path, '');
  await assert.rejects(ensurePrivateDir(path), isFault('wrong_type', /is not a directory/));
  await assert.rejects(ensurePrivateDir(join(path, 'below')), isFault('wrong_type', /no directory/));
});

test('L20 a key file that others may read is refused, by both ways of reading', async (t) => {
  const path = join(scratch(t), 'a key');
  writeFileSync(path, 'secret');
  for (const mode of [0o601, 0o604, 0o620, 0o640, 0o644, 0o666]) {
    chmodSync(path, mode);
    const refused = isFault('loose_mode', new RegExp(`mode ${mode.toString(8)}.*chmod 600 '.*a key'`));
    await assert.rejects(readPrivateFile(path), refused);
    assert.throws(() => readPrivateFileSync(path), refused);
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    assert.equal((await readPrivateFile(path))?.toString(), 'secret');
    assert.equal(readPrivateFileSync(path)?.toString(), 'secret');
  }
});

test('L20 a link to a loose file does not hide its mode', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'loose'), 'secret', { mode: 0o644 });
  symlinkSync(join(dir, 'loose'), join(dir, 'link'));
  await assert.rejects(readPrivateFile(join(dir, 'link')), isFault('loose_mode', /mode 644/));
});

test('a missing file reads as undefined; a directory in its place is refused', async (t) => {
  const dir = scratch(t);
  assert.equal(await readPrivateFile(join(dir, 'none')), undefined);
  assert.equal(readPrivateFileSync(join(dir, 'none')), undefined);
  await assert.rejects(readPrivateFile(dir), isFault('wrong_type', /is not a file/));
});

test('an atomic write replaces the whole file, with exactly the mode asked for', async (t) => {
  const path = join(scratch(t), 'state');
  await writeFileAtomic(path, 'a long first content');
  assert.equal(modeOf(path), 0o600);
  await writeFileAtomic(path, 'short', { mode: 0o644 });
  assert.equal(readFileSync(path, 'utf8'), 'short');
  assert.equal(modeOf(path), 0o644);
});

test('a write that fails leaves what was there and no half-written file', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'taken');
  mkdirSync(path);
  await assert.rejects(writeFileAtomic(path, 'x'), isFault('wrong_type', /cannot write ".*taken"/));
  assert.deepEqual(readdirSync(dir), ['taken']);
  await assert.rejects(writeFileAtomic(join(dir, 'none', 'x'), 'x'), isFault('io', /directory is not there/));
});

test('writes at the same time end as one of them, whole', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'state');
  const texts = Array.from({ length: 8 }, (_, at) => String(at).repeat(10_000));
  await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
  assert.ok(texts.includes(readFileSync(path, 'utf8')));
  assert.deepEqual(readdirSync(dir), ['state']);
});

test('removing is durable and a missing file is fine', async (t) => {
  const path = join(scratch(t), 'state');
  await writeFileAtomic(path, 'x');
  await removeFile(path);
  await removeFile(path);
  await removeFile(join(path, 'nowhere', 'x'));
  assert.equal(await readPrivateFile(path), undefined);
});

test('a full disk, a missing right and a read-only mount each get their words and name the path', () => {
  for (const [errno, code, words] of [
    ['ENOSPC', 'no_space', /cannot write "\/d\/f": no space left; free some space/],
    ['EACCES', 'no_permission', /cannot write "\/d\/f": no permission; check who owns it/],
    ['EROFS', 'read_only', /cannot write "\/d\/f": the file system is read-only; mount it/],
    ['EIO', 'io', /cannot write "\/d\/f": EIO; check the disk/],
  ] as const) {
    const cause = Object.assign(new Error('x'), { code: errno });
    assert.ok(isFault(code, words)(fileFault(cause, 'write', '/d/f')));
  }
});

test('a stored key comes back the same, private to its owner', async (t) => {
  const dir = scratch(t);
  for (const { privateKey, publicKey } of [generateP256(), generateEd25519()]) {
    const path = join(dir, 'key');
    await storePrivateKey(path, privateKey);
    assert.equal(modeOf(path), 0o600);
    assert.ok((await loadPrivateKey(path))?.equals(privateKey));
    assert.ok(loadPrivateKeySync(path)?.equals(privateKey));
    assert.deepEqual(spkiOf(privateKey), spkiOf(publicKey));
  }
  assert.equal(await loadPrivateKey(join(dir, 'none')), undefined);
});

test('a file that holds no usable key is refused with its name', async (t) => {
  const path = join(scratch(t), 'key');
  const { generateKeyPairSync } = await import('node:crypto');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  for (const text of [
    '',
    'nonsense',
    rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    p384.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    generateP256().publicKey.export({ type: 'spki', format: 'pem' }),
    generateP256().privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    }),
  ]) {
    writeFileSync(path, text, { mode: 0o600 });
    await assert.rejects(loadPrivateKey(path), isFault('unreadable_key', /".*key" holds .*backup/));
  }
});
