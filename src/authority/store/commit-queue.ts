// Group commit: what is committed in one turn of the event loop, or while a batch is being written, is
// written together, in call order, at the price of one fsync.

/** Takes a batch and settles each of its items itself. Must not reject. */
export type WriteBatch<T> = (batch: readonly T[]) => Promise<void>;

/** Writing starves the event loop between two fsyncs; this many commits keep that near 10 ms. */
const batchMax = 128;

export class CommitQueue<T> {
  #waiting: T[] = [];
  #running: Promise<void> | undefined;
  readonly #write: WriteBatch<T>;

  constructor(write: WriteBatch<T>) {
    this.#write = write;
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(item: T): void {
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Resolves once nothing waits and nothing is being written. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // A turn: those whom the last batch woke up can join this one.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#waiting.slice(0, batchMax);
      this.#waiting = this.#waiting.slice(batchMax);
      await this.#write(batch);
    }
    this.#running = undefined;
  }
}
