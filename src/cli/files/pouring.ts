// The bytes of one file on their way: portions are read ahead, hashed in order, and written without
// waiting for each. How many are under way over all files is bounded by `portions`, a place being taken
// before a read and given back after its write. Portions of zeros at the end of what is written stay a hole.

import type { Hash } from 'node:crypto';
import type { CopyContext } from './copy-file.ts';
import type { OpenFile } from './side.ts';

export interface Ends {
  readonly source: OpenFile;
  readonly sink: OpenFile;
  readonly hash: Hash;
}

/** Shorter zeros are not worth a hole: a page on most file systems. */
const holeMinBytes = 4_096;
const zeros = Buffer.alloc(256 * 1024);

export class Pouring {
  /** The last portion was left out: the file's size has to be set. */
  endsInHole = false;
  poured = 0;
  readonly #ctx: CopyContext;
  readonly #ends: Ends;
  #writing = 0;
  #error: Error | undefined;
  #onWritten: (() => void) | undefined;

  constructor(ctx: CopyContext, ends: Ends) {
    this.#ctx = ctx;
    this.#ends = ends;
  }

  /** From one offset to the other, or to the end of the file where it comes first: that is the answer. */
  async pour(from: number, to: number): Promise<number> {
    const { portions, source } = this.#ctx;
    const reads: Promise<Uint8Array | undefined>[] = [];
    let asked = from;
    let at = from;
    try {
      while (at < to) {
        if (reads.length === 0) {
          await portions.take();
          reads.push(this.#read(asked, Math.min(source.dataBytes, to - asked)));
          asked += Math.min(source.dataBytes, to - asked);
        }
        while (asked < to && portions.tryTake()) {
          reads.push(this.#read(asked, Math.min(source.dataBytes, to - asked)));
          asked += Math.min(source.dataBytes, to - asked);
        }
        const data = await reads[0];
        this.#check();
        if (data === undefined) return at;
        void reads.shift();
        const isEnd = data.length < Math.min(source.dataBytes, to - at);
        this.#write(at, data);
        at += data.length;
        if (isEnd) return at;
      }
      return at;
    } finally {
      for (const read of reads) {
        read.then(
          () => portions.give(),
          () => portions.give(),
        );
      }
    }
  }

  /** For files that do not know their size: one portion after the other until there are no more. */
  async pourToEnd(from: number): Promise<number> {
    for (let at = from; ;) {
      const end = await this.pour(at, at + this.#ctx.source.dataBytes);
      if (end === at) return at;
      at = end;
    }
  }

  /** Resolves when every write was answered; throws what the first refused one said. */
  async written(): Promise<void> {
    if (this.#writing > 0 && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#onWritten = resolve;
      });
    }
    this.#check();
  }

  /** All that was asked for, or less at the end of the file; undefined behind it. */
  async #read(offset: number, length: number): Promise<Uint8Array | undefined> {
    const { source } = this.#ends;
    const first = await source.read(offset, length);
    if (first === undefined || first.length === length) return first;
    const parts = [first];
    for (let have = first.length; have < length;) {
      const more = await source.read(offset + have, length - have);
      if (more === undefined) break;
      parts.push(more);
      have += more.length;
    }
    return parts.length === 1 ? first : Buffer.concat(parts);
  }

  #write(at: number, data: Uint8Array): void {
    const { portions, onBytes } = this.#ctx;
    this.#ends.hash.update(data);
    this.poured += data.length;
    this.endsInHole = isZeros(data);
    if (this.endsInHole) {
      portions.give();
      onBytes(data.length);
      return;
    }
    this.#writing += 1;
    void this.#writeBehind(at, data);
  }

  async #writeBehind(at: number, data: Uint8Array): Promise<void> {
    try {
      await this.#ends.sink.write(at, data);
    } catch (error) {
      this.#error ??= error instanceof Error ? error : new Error('a write failed', { cause: error });
    }
    this.#writing -= 1;
    this.#ctx.portions.give();
    this.#ctx.onBytes(data.length);
    if (this.#writing === 0 || this.#error !== undefined) this.#onWritten?.();
  }

  #check(): void {
    this.#ctx.signal.throwIfAborted();
    if (this.#error !== undefined) throw this.#error;
  }
}

function isZeros(data: Uint8Array): boolean {
  if (data.length < holeMinBytes || data[0] !== 0) return false;
  for (let at = 0; at < data.length; at += zeros.length) {
    const part = data.subarray(at, at + zeros.length);
    if (Buffer.compare(part, zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
