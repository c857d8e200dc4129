// One at a time, in order of arrival, with a bound on who waits. For writes whose conditions span records
// that no single compare-and-set covers, and for files with one writer: a process of ours is the only one, so this is
// enough.

import { SallyportError } from './errors.ts';
import { limits } from './limits.ts';

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= limits.turnsWaitingMax) {
      throw new SallyportError('rate_limited', 'too many others are asking for the same at this moment', {
        next: 'try again in a few seconds',
      });
    }
    this.#waiting += 1;
    const mine = this.#last.then(run);
    // The next one runs whether this one failed or not; its own caller learns of the failure.
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }
}
