// What one files channel has open. Numbers are never used twice, so a handle that was closed names nothing.

import { closeSync, type Dir } from 'node:fs';
import { limits } from '../../core/limits.ts';
import { statusCode } from '../../wire/sftp/codes.ts';
import { FilesFault } from './fault.ts';

export interface OpenFile {
  readonly kind: 'file';
  readonly fd: number;
  readonly isReadable: boolean;
  readonly isWritable: boolean;
}

export interface OpenDirectory {
  readonly kind: 'directory';
  /** Names in it are looked at below this. */
  readonly fd: number;
  readonly dir: Dir;
}

type OpenHandle = OpenFile | OpenDirectory;

const handleBytes = 4;

export class OpenHandles {
  readonly #open = new Map<number, OpenHandle>();
  #next = 1;

  /** Before something is opened, so that what is open always has a handle. */
  requireRoom(): void {
    if (this.#open.size < limits.filesHandlesMax) return;
    throw new FilesFault(statusCode.failure, `this channel has ${limits.filesHandlesMax} files open already`);
  }

  add(handle: OpenHandle): Uint8Array {
    const bytes = Buffer.alloc(handleBytes);
    bytes.writeUInt32BE(this.#next);
    this.#open.set(this.#next, handle);
    this.#next += 1;
    return bytes;
  }

  file(handle: Uint8Array): OpenFile {
    const found = this.#find(handle);
    if (found.kind !== 'file') throw new FilesFault(statusCode.failure, 'the handle is a directory');
    return found;
  }

  directory(handle: Uint8Array): OpenDirectory {
    const found = this.#find(handle);
    if (found.kind !== 'directory') throw new FilesFault(statusCode.failure, 'the handle is a file');
    return found;
  }

  fd(handle: Uint8Array): number {
    return this.#find(handle).fd;
  }

  close(handle: Uint8Array): void {
    const found = this.#find(handle);
    this.#open.delete(numberOf(handle));
    release(found);
  }

  closeAll(): void {
    for (const handle of this.#open.values()) release(handle);
    this.#open.clear();
  }

  #find(handle: Uint8Array): OpenHandle {
    const found = handle.length === handleBytes ? this.#open.get(numberOf(handle)) : undefined;
    if (found === undefined) throw new FilesFault(statusCode.failure, 'no such handle');
    return found;
  }
}

function numberOf(handle: Uint8Array): number {
  return new DataView(handle.buffer, handle.byteOffset, handleBytes).getUint32(0);
}

function release(handle: OpenHandle): void {
  if (handle.kind === 'directory') handle.dir.closeSync();
  closeSync(handle.fd);
}
