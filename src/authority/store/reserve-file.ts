// The reserve on the disk: a file whose blocks are really allocated at start, so that a full disk still
// takes it. Layout (docs/audit.md):
//
//   magic    16 bytes  "sallyport/rsv/1\n"
//   record*  length u32 big-endian | SHA-256 of payload, 32 bytes | payload: UTF-8 JSON {number, at, commit}
//   the first header that is zero, does not check, or does not carry the next number ends the list

import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { parseJsonObject } from '../../core/json.ts';
import type { Reserve, ReserveRecord } from './reserve.ts';
import type { StoreLog } from './store-log.ts';
import type { Commit } from './store.ts';

const magic = Buffer.from('sallyport/rsv/1\n', 'latin1');
const headerBytes = 4 + 32;

export interface ReserveFileOptions {
  readonly path: string;
  readonly bytes: number;
  readonly log: StoreLog;
}

/** Opens or makes the file. Rejects with the error of node:fs, or SyntaxError on a file that is not ours. */
export async function openReserveFile({ path, bytes, log }: ReserveFileOptions): Promise<Reserve> {
  const handle = await openOrCreate(path);
  try {
    await handle.chmod(0o600);
    await allocate(handle, bytes);
    const content = Buffer.alloc(bytes);
    await handle.read(content, 0, bytes, 0);
    const { records, end, torn } = scan(content);
    if (torn) {
      log.warn({ path, at: end }, 'the reserve ends in a record that was not finished; it is left out');
    }
    return new ReserveFile(handle, bytes, { records, end });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class ReserveFile implements Reserve {
  readonly found: readonly ReserveRecord[];
  readonly #handle: FileHandle;
  readonly #bytes: number;
  #end: number;

  constructor(handle: FileHandle, bytes: number, held: { records: readonly ReserveRecord[]; end: number }) {
    this.#handle = handle;
    this.#bytes = bytes;
    this.#end = held.end;
    this.found = held.records;
  }

  async append(records: readonly ReserveRecord[]): Promise<boolean> {
    const data = Buffer.concat(records.map(encodeRecord));
    const end = this.#end + data.length;
    if (end > this.#bytes) return false;
    // A zero header ends the list, or the tail of an older, longer record would look like a torn one.
    const rest = Buffer.alloc(Math.min(headerBytes, this.#bytes - end));
    await writeAll(this.#handle, Buffer.concat([data, rest]), this.#end);
    await this.#handle.datasync();
    this.#end = end;
    return true;
  }

  async clear(): Promise<void> {
    await writeAll(this.#handle, Buffer.alloc(headerBytes), magic.length);
    await this.#handle.datasync();
    this.#end = magic.length;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return await open(path, 'wx+', 0o600);
    }
    throw error;
  }
}

// Zeros are written, not promised: a sparse file would need blocks when there are none.
async function allocate(handle: FileHandle, bytes: number): Promise<void> {
  const { size } = await handle.stat();
  if (size < bytes) {
    await writeAll(handle, Buffer.alloc(bytes - size), size);
  }
  const first = Buffer.alloc(magic.length);
  await handle.read(first, 0, first.length, 0);
  if (first.every((byte) => byte === 0)) await writeAll(handle, magic, 0);
  else if (!first.equals(magic)) throw new SyntaxError('it is not a reserve that this version knows');
  await handle.sync();
}

async function writeAll(handle: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.length;) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done);
    done += bytesWritten;
  }
}

function encodeRecord(record: ReserveRecord): Buffer {
  const payload = Buffer.from(JSON.stringify(record), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(payload.length);
  return Buffer.concat([length, createHash('sha256').update(payload).digest(), payload]);
}

interface Scanned {
  readonly records: readonly ReserveRecord[];
  /** Where the next record goes. */
  readonly end: number;
  readonly torn: boolean;
}

function scan(content: Buffer): Scanned {
  const records: ReserveRecord[] = [];
  let end = magic.length;
  while (end + headerBytes <= content.length) {
    const length = content.readUInt32BE(end);
    if (length === 0) return { records, end, torn: false };
    const payload = content.subarray(end + headerBytes, end + headerBytes + length);
    const digest = createHash('sha256').update(payload).digest();
    const checks = payload.length === length && digest.equals(content.subarray(end + 4, end + headerBytes));
    const record = checks ? readRecord(payload) : undefined;
    if (record === undefined) return { records, end, torn: true };
    const last = records.at(-1);
    // Older records may lie behind newer, shorter ones.
    if (last !== undefined && record.number !== last.number + 1) return { records, end, torn: false };
    records.push(record);
    end += headerBytes + length;
  }
  return { records, end, torn: false };
}

function readRecord(payload: Buffer): ReserveRecord | undefined {
  const { number, at, commit } = parseJsonObject(payload.toString('utf8')) ?? {};
  if (typeof number !== 'number' || typeof at !== 'number' || typeof commit !== 'object' || commit === null) {
    return undefined;
  }
  return { number, at, commit: commit as Commit };
}
