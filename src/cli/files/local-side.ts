// This machine as one side of a copy. Paths are bytes all the way into the file system.

import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import {
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  stat,
  unlink,
  utimes,
  chmod,
  type FileHandle,
} from 'node:fs/promises';
import { limits } from '../../core/limits.ts';
import { errnoOf, FileFault, fileFault } from '../../platform/file-fault.ts';
import { tooMany } from './faults.ts';
import { joinPath, shownPath } from './names.ts';
import type { Entry, FileFacts, Hashed, OpenFile, Settled, Side } from './side.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

export class LocalSide implements Side {
  readonly faultCode = 'local_file';
  readonly dataBytes: number;

  /** In the portions of the device that is on the other side. */
  constructor(dataBytes: number) {
    this.dataBytes = dataBytes;
  }

  shown(path: Uint8Array): string {
    return shownPath(path);
  }

  async stat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await factsIfAny(path, () => stat(asPath(path)));
  }

  async lstat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await factsIfAny(path, () => lstat(asPath(path)));
  }

  async follow(path: Buffer): Promise<Buffer> {
    if ((await this.lstat(path))?.type !== 'link') return path;
    return await attempt('read', path, () => realpath(path, { encoding: 'buffer' }));
  }

  async list(folder: Uint8Array): Promise<readonly Entry[]> {
    const names = await attempt('list', folder, () => readdir(asPath(folder), { encoding: 'buffer' }));
    if (names.length > limits.filesPlannedMax) throw tooMany(this.shown(folder));
    const entries = await Promise.all(
      names.map(async (name) => ({ name, facts: await this.lstat(joinPath(folder, name)) })),
    );
    return entries
      .flatMap(({ name, facts }) => (facts === undefined ? [] : [{ name, facts }]))
      .sort((one, two) => Buffer.compare(one.name, two.name));
  }

  async openToRead(path: Uint8Array): Promise<OpenFile> {
    // A pipe that nobody writes to must not hang the copy: facts() then says that it is no file.
    const handle = await attempt('read', path, () => open(asPath(path), O_RDONLY | O_NONBLOCK));
    return new LocalFile(handle, path, this.dataBytes);
  }

  async openToWrite(path: Uint8Array, { keep }: { readonly keep: boolean }): Promise<OpenFile> {
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (keep ? 0 : O_EXCL);
    const handle = await attempt('write', path, async () => {
      try {
        return await open(asPath(path), flags, 0o600);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        await this.remove(path);
        return await open(asPath(path), flags, 0o600);
      }
    });
    return new LocalFile(handle, path, this.dataBytes);
  }

  async makeFolder(path: Uint8Array): Promise<boolean> {
    try {
      await mkdir(asPath(path), 0o700);
      return true;
    } catch (error) {
      const facts = errnoOf(error) === 'EEXIST' ? await this.stat(path) : undefined;
      if (facts?.type === 'folder') return false;
      if (facts === undefined) throw fileFault(error, 'create', shownPath(path));
      throw new FileFault('wrong_type', shownPath(path), {
        message: `"${shownPath(path)}" is there and is no directory`,
        next: 'choose another path',
      });
    }
  }

  async settleFolder(path: Uint8Array, { mode, mtimeMs }: Settled): Promise<void> {
    await attempt('write', path, async () => {
      await chmod(asPath(path), mode);
      await utimes(asPath(path), mtimeMs / 1_000, mtimeMs / 1_000);
    });
  }

  async replace(from: Uint8Array, to: Uint8Array): Promise<void> {
    await attempt('write', to, () => rename(asPath(from), asPath(to)));
  }

  async remove(path: Uint8Array): Promise<void> {
    await attempt('remove', path, async () => {
      try {
        await unlink(asPath(path));
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    });
  }
}

class LocalFile implements OpenFile {
  readonly #handle: FileHandle;
  readonly #path: Uint8Array;
  readonly #dataBytes: number;
  /** What changes the file happens one after the other: a part that was cut off is whole up to its end. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(handle: FileHandle, path: Uint8Array, dataBytes: number) {
    this.#handle = handle;
    this.#path = path;
    this.#dataBytes = dataBytes;
  }

  async facts(): Promise<FileFacts> {
    return factsOf(await attempt('read', this.#path, () => this.#handle.stat()));
  }

  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    // Not from Node's shared pool: the bytes stay until the device has answered for them.
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await attempt('read', this.#path, () =>
      this.#handle.read(buffer, 0, length, offset),
    );
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#change(async () => {
      for (let done = 0; done < data.length;) {
        // Short when the disk fills up: the next one then says so.
        const { bytesWritten } = await this.#handle.write(data, done, data.length - done, offset + done);
        done += bytesWritten;
      }
    });
  }

  async sha256(length = Number.MAX_SAFE_INTEGER): Promise<Hashed> {
    const hash = createHash('sha256');
    let bytes = 0;
    while (bytes < length) {
      const data = await this.read(bytes, Math.min(this.#dataBytes, length - bytes));
      if (data === undefined) break;
      hash.update(data);
      bytes += data.length;
    }
    return { hash: hash.digest(), bytes };
  }

  async settle({ mode, mtimeMs, size }: Settled): Promise<void> {
    await this.#change(async () => {
      if (size !== undefined) await this.#handle.truncate(size);
      await this.#handle.chmod(mode);
      await this.#handle.utimes(mtimeMs / 1_000, mtimeMs / 1_000);
    });
  }

  async sync(): Promise<void> {
    await this.#change(() => this.#handle.sync());
  }

  async close(): Promise<void> {
    // Also after a change that failed: whoever asked for that one hears of it.
    this.#changes = this.#changes.catch(() => undefined);
    await this.#change(() => this.#handle.close());
  }

  async #change(run: () => Promise<void>): Promise<void> {
    const change = this.#changes.then(() => attempt('write', this.#path, run));
    this.#changes = change;
    await change;
  }
}

async function factsIfAny(path: Uint8Array, ask: () => Promise<Stats>): Promise<FileFacts | undefined> {
  return await attempt('read', path, async () => {
    try {
      return factsOf(await ask());
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}

function factsOf(stats: Stats): FileFacts {
  const type = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'folder'
      : stats.isSymbolicLink()
        ? 'link'
        : 'other';
  return { type, size: stats.size, mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs };
}

async function attempt<T>(verb: string, path: Uint8Array, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : fileFault(error, verb, shownPath(path));
  }
}

function asPath(path: Uint8Array): Buffer {
  return Buffer.from(path.buffer, path.byteOffset, path.length);
}
