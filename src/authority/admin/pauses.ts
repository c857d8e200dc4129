// Long loops of decisions let others in between: a cut must not wait behind somebody's long list.

import { setImmediate } from 'node:timers/promises';

/** About 10 ms of decisions. */
const turnsBetween = 32;

export class Pauses {
  #turns = 0;

  async next(): Promise<void> {
    this.#turns += 1;
    if (this.#turns % turnsBetween === 0) await setImmediate();
  }
}
