// Which channel numbers of one session were used (design section 4). Bounded: the newest 1,024 numbers are
// remembered one by one, and everything below them counts as used, so forgetting never re-opens. Pure.

import { limits } from '../core/limits.ts';

export class ReplayWindow {
  readonly #size: number;
  readonly #used = new Set<number>();
  #highest = -1;

  constructor(size: number = limits.replayWindow) {
    this.#size = size;
  }

  /** Uses up a number; false when it was used before, or is too old to know. */
  use(n: number): boolean {
    if (n <= this.#highest - this.#size || this.#used.has(n)) return false;
    this.#used.add(n);
    if (n <= this.#highest) return true;
    const jump = n - this.#highest;
    const gone = this.#highest - this.#size + 1;
    this.#highest = n;
    // A jump past the whole window forgets all of it; a small one only what fell out at the bottom.
    if (jump >= this.#size) {
      this.#used.clear();
      this.#used.add(n);
    } else {
      for (let old = gone; old < gone + jump; old++) this.#used.delete(old);
    }
    return true;
  }

  /** Numbers held: never more than the size. */
  get remembered(): number {
    return this.#used.size;
  }
}
