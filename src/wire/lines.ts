// Lines of text from a stream that is cut into chunks anywhere. Pure; a line has a bound.

const lineFeed = 10;

export class LineReader {
  readonly #lineMaxBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(lineMaxBytes: number) {
    this.#lineMaxBytes = lineMaxBytes;
  }

  /** The lines that ended in this chunk; undefined once a line is longer than the bound, and for ever after. */
  push(chunk: Uint8Array): readonly string[] | undefined {
    const lines: string[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(lineFeed); end !== -1; end = rest.indexOf(lineFeed)) {
      this.#hold(rest.subarray(0, end));
      if (this.#heldBytes > this.#lineMaxBytes) return undefined;
      lines.push(Buffer.concat(this.#held, this.#heldBytes).toString('utf8'));
      this.#held = [];
      this.#heldBytes = 0;
      rest = rest.subarray(end + 1);
    }
    this.#hold(rest);
    return this.#heldBytes > this.#lineMaxBytes ? undefined : lines;
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }
}
