// A token bucket: how many events of a kind a peer may cause, a burst and then so many per second.
// Stream resets are counted here rather than by the HTTP/2 library, whose own limit (about 1,000, then
// 33 a second) would cut a link with thousands of channels when one operator closes his connections.

export interface RateBudgetOptions {
  readonly burst: number;
  readonly perSecond: number;
  /** Ms on a clock that never falls. */
  readonly now: () => number;
}

export class RateBudget {
  readonly #options: RateBudgetOptions;
  #tokens: number;
  #countedAt: number;

  constructor(options: RateBudgetOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#countedAt = options.now();
  }

  /** Counts one event; false when the budget is used up. */
  spend(): boolean {
    const { burst, perSecond, now } = this.#options;
    const at = now();
    this.#tokens = Math.min(burst, this.#tokens + ((at - this.#countedAt) * perSecond) / 1_000);
    this.#countedAt = at;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
