// What one device's command wrote to one stream, as far as it is kept: a device that never stops writing
// costs no more memory than one that writes a lot.

import { Writable } from 'node:stream';

export class KeptOutput extends Writable {
  readonly #max: number;
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;

  constructor(maxBytes: number) {
    super();
    this.#max = maxBytes;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const room = this.#max - this.#keptBytes;
    const kept = chunk.subarray(0, room);
    // A copy: the chunk is a slice of what came from the wire, and would keep all of that.
    if (kept.length > 0) this.#chunks.push(Buffer.from(kept));
    this.#keptBytes += kept.length;
    this.#droppedBytes += chunk.length - kept.length;
    done();
  }
}
