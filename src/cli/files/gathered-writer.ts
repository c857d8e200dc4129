// What is written in one turn of the event loop leaves in one write: with many small files the number of
// writes, each a frame on the link, is what costs. Large pieces go as they are, in their place.

import type { ByteStream } from '../../link/byte-stream.ts';

/** From here on copying a piece costs more than a write of its own. */
const largeMinBytes = 16 * 1024;

export class GatheredWriter {
  /** False: put no more before `drained`. */
  hasRoom = true;
  readonly #stream: ByteStream;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isFlushDue = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  put(piece: Uint8Array): void {
    if (piece.length >= largeMinBytes) {
      this.flush();
      this.hasRoom = this.#stream.write(piece);
      return;
    }
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= largeMinBytes) this.flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      setImmediate(() => {
        this.#isFlushDue = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.#pieces.length === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    this.hasRoom = this.#stream.write(Buffer.concat(pieces));
  }

  /** The stream takes more again. */
  drained(): void {
    this.hasRoom = true;
  }
}
