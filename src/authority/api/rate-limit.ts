// How often one address may do something within a minute. Fixed windows, and a bounded number of
// addresses: when more than that are active at once, the oldest window makes room, so a flood of forged
// addresses costs memory for limits.addressesTrackedMax of them and no more.

import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';

const windowMs = 60_000;

interface Window {
  readonly startedAt: number;
  count: number;
}

export class RateLimit {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Counts one more; false when the address had its share already. */
  take(address: string): boolean {
    const window = this.#windowOf(address);
    if (window.count >= this.#perMinute) return false;
    window.count += 1;
    return true;
  }

  /** Whether there is something left of its share; counts nothing. */
  hasLeft(address: string): boolean {
    const window = this.#windows.get(address);
    if (window === undefined || this.#clock.bootMs() - window.startedAt >= windowMs) return true;
    return window.count < this.#perMinute;
  }

  #windowOf(address: string): Window {
    const now = this.#clock.bootMs();
    const known = this.#windows.get(address);
    if (known !== undefined && now - known.startedAt < windowMs) return known;
    // Deleted first, so that the map stays in order of age.
    this.#windows.delete(address);
    if (this.#windows.size >= limits.addressesTrackedMax) {
      const oldest = this.#windows.keys().next();
      if (oldest.done !== true) this.#windows.delete(oldest.value);
    }
    const window = { startedAt: now, count: 0 };
    this.#windows.set(address, window);
    return window;
  }
}
