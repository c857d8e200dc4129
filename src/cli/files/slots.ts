// A fixed number of places, given in the order they were asked for: what bounds requests, files and
// memory in a copy. Pure but for the waiting.

export class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];
  #head = 0;

  constructor(count: number) {
    this.#free = count;
  }

  /** Without waiting, and never past somebody who waits. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  async take(): Promise<void> {
    if (this.tryTake()) return;
    await new Promise<void>((resolve) => {
      this.#queue.push(resolve);
    });
  }

  /** The place goes to whoever waits longest. */
  give(): void {
    const next = this.#queue[this.#head];
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#head += 1;
    // Array.shift copies: with thousands in the queue that is what a copy would spend its time on.
    if (this.#head === 1_024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    next();
  }
}
