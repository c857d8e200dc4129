// Bytes of open files: the only calls of the server that wait, and so the only ones off the main thread.
// A few bytes are no wait: through the threads they take ten times as long, which with ten thousand small
// files is most of what a copy takes.

import {
  close,
  closeSync,
  constants,
  fstatSync,
  ftruncate,
  fsync,
  open,
  openSync,
  read,
  readSync,
  write,
  writeSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import type { HashedRange } from '../../wire/sftp/replies.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const openAgain = promisify(open);
const closeFile = promisify(close);

export const truncateFile = promisify(ftruncate);
export const syncFile = promisify(fsync);

const smallMaxBytes = 64 * 1024;

/** Small enough that other work of the process is not kept waiting by one update of the hash. */
const hashChunkBytes = 1024 * 1024;

/** Reads into `target`; fewer bytes only at the end of the file. */
export async function readFileAt(fd: number, target: Uint8Array, offset: number): Promise<number> {
  let fill = 0;
  while (fill < target.length) {
    const left = target.length - fill;
    const count =
      left <= smallMaxBytes
        ? readSync(fd, target, fill, left, offset + fill)
        : (await readAt(fd, target, fill, left, offset + fill)).bytesRead;
    if (count === 0) break;
    fill += count;
  }
  return fill;
}

/** All of it, or an error: a disk that fills up takes a part first and says so at the next call. */
export async function writeFileAt(fd: number, data: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const left = data.length - done;
    done +=
      left <= smallMaxBytes
        ? writeSync(fd, data, done, left, offset + done)
        : (await writeAt(fd, data, done, left, offset + done)).bytesWritten;
  }
}

/** The hash of `length` bytes from `offset`, or of all that follows. A file open for writing only is reopened. */
export async function hashFile(
  fd: number,
  range: { readonly offset: number; readonly length: number },
): Promise<HashedRange> {
  // A file of /proc that says it is empty may still have a page of content: it fits as well.
  const isSmall = fstatSync(fd).size < smallMaxBytes;
  const path = `/proc/self/fd/${fd}`;
  const reader = isSmall ? openSync(path, constants.O_RDONLY) : await openAgain(path, constants.O_RDONLY);
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(isSmall ? smallMaxBytes : hashChunkBytes);
    let bytes = 0;
    while (range.length === 0 || bytes < range.length) {
      const want = range.length === 0 ? buffer.length : Math.min(buffer.length, range.length - bytes);
      const got = await readFileAt(reader, buffer.subarray(0, want), range.offset + bytes);
      hash.update(buffer.subarray(0, got));
      bytes += got;
      if (got < want) break;
    }
    return { hash: hash.digest(), bytes };
  } finally {
    if (isSmall) closeSync(reader);
    else await closeFile(reader);
  }
}
