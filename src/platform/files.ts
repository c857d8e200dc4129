// Files that must survive a power cut or stay private: directories 0700, keys 0600 and refused when
// looser (negative test L20), writes that are there whole or not at all. Faults carry words.

import { constants, closeSync, fstatSync, openSync, readFileSync, statSync, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf, FileFault, fileFault } from './file-fault.ts';

export { FileFault } from './file-fault.ts';

/** Keys, certificates, tokens and small state: nothing that is read whole is larger. */
const privateFileMaxBytes = 4 * 1024 * 1024;

// A fifo or device in the place of a key must not hang the process.
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Makes the directory 0700 where it is missing; refuses one that others may enter or own. */
export async function ensurePrivateDir(path: string): Promise<void> {
  let stats: Stats;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    stats = await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw wrongType(path, 'a directory');
    throw fileFault(error, 'create', path);
  }
  if (!stats.isDirectory()) throw wrongType(path, 'a directory');
  refuseLoose(path, stats, '700');
}

/** Whether the directory is there; refuses one that others may enter or own. */
export function hasPrivateDirSync(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw wrongType(path, 'a directory');
  refuseLoose(path, stats, '700');
  return true;
}

/** The content, or undefined when there is no such file. Refuses a mode looser than 0600. */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(path, readFlags);
    try {
      refuseUnfit(path, await handle.stat());
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileFault(error, 'read', path);
  }
}

/** readPrivateFile for the start of a command, where a turn of the event loop costs more than the read. */
export function readPrivateFileSync(path: string): Buffer | undefined {
  try {
    const descriptor = openSync(path, readFlags);
    try {
      refuseUnfit(path, fstatSync(descriptor));
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileFault(error, 'read', path);
  }
}

/**
 * Replaces the file as a whole: whoever reads it, also after a power cut, finds the old content or the
 * new. When this returns, the new one is on the disk.
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const mode = options.mode ?? 0o600;
  // Same directory, hence the same file system: rename stays atomic.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      // The mode given to open() is narrowed by the umask; this one is not.
      await handle.chmod(mode);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw fileFault(await removeAfter(error, temporary), 'write', path);
  }
}

/** Removes the file, durably. A missing one is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw fileFault(error, 'remove', path);
  }
}

// The name of a new file is in its directory, and that is a file of its own to the disk.
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path === '' ? '.' : path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeAfter(error: unknown, temporary: string): Promise<unknown> {
  try {
    await rm(temporary, { force: true });
    return error;
  } catch (second) {
    // Where the directory itself refuses, nothing was created either; the first error says it better.
    return errnoOf(second) === errnoOf(error) ? error : new AggregateError([error, second], String(error));
  }
}

function refuseUnfit(path: string, stats: Stats): void {
  if (!stats.isFile()) throw wrongType(path, 'a file');
  refuseLoose(path, stats, '600');
  if (stats.size > privateFileMaxBytes) {
    throw new FileFault('too_large', path, {
      message: `"${path}" has ${stats.size} bytes, more than the ${privateFileMaxBytes} that are read`,
      next: 'check that this is the file you mean',
    });
  }
}

function refuseLoose(path: string, stats: Stats, wanted: '600' | '700'): void {
  const own = process.getuid?.();
  if (own !== undefined && stats.uid !== own) {
    throw new FileFault('wrong_owner', path, {
      message: `"${path}" belongs to user ${stats.uid}, not to user ${own} who runs this`,
      next: `run as its owner, or: chown ${own} ${quoted(path)}`,
    });
  }
  if ((stats.mode & 0o077) === 0) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(3, '0');
  throw new FileFault('loose_mode', path, {
    message: `"${path}" can be reached by others (mode ${mode})`,
    next: `chmod ${wanted} ${quoted(path)}`,
  });
}

function wrongType(path: string, wanted: string): FileFault {
  return new FileFault('wrong_type', path, {
    message: `"${path}" is not ${wanted}`,
    next: 'move it away, or choose another path',
  });
}

/** The path as a shell takes it, so that the advice can be pasted. */
function quoted(path: string): string {
  const full = resolve(path);
  return /^[A-Za-z0-9_./@:+-]+$/.test(full) ? full : `'${full.replaceAll("'", `'\\''`)}'`;
}
