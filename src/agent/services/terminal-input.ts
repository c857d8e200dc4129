// What is typed into a terminal, written without ever blocking: node's own tty streams write to a pty's
// master synchronously, so that one program which does not read would stop the whole agent (seen with
// 64 KiB pasted into `sleep`). The descriptor is non-blocking; what it does not take now waits here and is
// offered again, since node has no way to ask when such a descriptor has room.

import { writeSync } from 'node:fs';

export interface TerminalInputOptions {
  readonly fd: number;
  /** INVARIANT: false before the descriptor is closed, as its number may then be another file's. */
  readonly isOpen: () => boolean;
  readonly onDrain: () => void;
}

/** A program that reads again waits this long at most for more input. */
const retryMs = 10;

export class TerminalInput {
  readonly #options: TerminalInputOptions;
  #held: Uint8Array[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(options: TerminalInputOptions) {
    this.#options = options;
  }

  /** False: hold back until onDrain. What is given anyway is kept. */
  write(chunk: Uint8Array): boolean {
    this.#held.push(chunk);
    if (this.#retry === undefined) this.#offer();
    return this.#held.length === 0;
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#held = [];
  }

  #offer(): void {
    this.#retry = undefined;
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      if (!this.#options.isOpen()) return this.close();
      const taken = this.#tryWrite(first);
      if (taken === first.length) this.#held.shift();
      else {
        this.#held[0] = first.subarray(taken);
        this.#retry = setTimeout(() => this.#offerAgain(), retryMs);
        return;
      }
    }
  }

  #offerAgain(): void {
    this.#offer();
    if (this.#held.length === 0 && this.#options.isOpen()) this.#options.onDrain();
  }

  #tryWrite(chunk: Uint8Array): number {
    try {
      return writeSync(this.#options.fd, chunk);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EAGAIN') return 0;
      // EIO: nobody has the terminal open any more, so nobody will read this.
      if (code === 'EIO') return chunk.length;
      throw error;
    }
  }
}
