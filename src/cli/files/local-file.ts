// An open file of this machine. Small things are done at once, since each takes microseconds and a turn
// through Node's threads ten times that: with ten thousand small files it is what a copy spends its time
// on. What moves many bytes, and what waits for a disk, goes through the threads.

import { createHash } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncateSync,
  futimesSync,
  read,
  readSync,
  write,
  writeSync,
  type Stats,
} from 'node:fs';
import { promisify } from 'node:util';
import { errnoOf, fileFault } from '../../platform/file-fault.ts';
import { shownPath } from './names.ts';
import type { FileFacts, FileType, Hashed, OpenFile, Settled } from './side.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const syncFile = promisify(fsync);

const smallMaxBytes = 64 * 1024;

export class LocalFile implements OpenFile {
  readonly #fd: number;
  readonly #path: Uint8Array;
  readonly #dataBytes: number;
  /** What changes the file happens one after the other: a part that was cut off is whole up to its end. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(fd: number, path: Uint8Array, dataBytes: number) {
    this.#fd = fd;
    this.#path = path;
    this.#dataBytes = dataBytes;
  }

  async facts(): Promise<FileFacts> {
    return await attempt('read', this.#path, () => factsOf(fstatSync(this.#fd)));
  }

  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    // Not from Node's shared pool: the bytes stay until the device has answered for them.
    const buffer = Buffer.allocUnsafeSlow(length);
    const count = await attempt('read', this.#path, async () => {
      if (length <= smallMaxBytes) return readSync(this.#fd, buffer, 0, length, offset);
      return (await readAt(this.#fd, buffer, 0, length, offset)).bytesRead;
    });
    return count === 0 ? undefined : buffer.subarray(0, count);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#change(async () => {
      for (let done = 0; done < data.length;) {
        const left = data.length - done;
        // Short when the disk fills up: the next one then says so.
        done +=
          left <= smallMaxBytes
            ? writeSync(this.#fd, data, done, left, offset + done)
            : (await writeAt(this.#fd, data, done, left, offset + done)).bytesWritten;
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
    await this.#change(() => {
      if (size !== undefined) ftruncateSync(this.#fd, size);
      fchmodSync(this.#fd, mode);
      futimesSync(this.#fd, mtimeMs / 1_000, mtimeMs / 1_000);
    });
  }

  async sync(): Promise<void> {
    await this.#change(() => syncFile(this.#fd));
  }

  async close(): Promise<void> {
    // Also after a change that failed: whoever asked for that one hears of it.
    this.#changes = this.#changes.catch(() => undefined);
    await this.#change(() => closeSync(this.#fd));
  }

  async #change(run: () => Promise<void> | void): Promise<void> {
    const change = this.#changes.then(() => attempt('write', this.#path, run));
    this.#changes = change;
    await change;
  }
}

export function factsOf(stats: Stats): FileFacts {
  return { type: typeOf(stats), size: stats.size, mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs };
}

function typeOf(stats: Stats): FileType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

/** An error of the system as one in words. */
export async function attempt<T>(verb: string, path: Uint8Array, run: () => Promise<T> | T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : fileFault(error, verb, shownPath(path));
  }
}
