// The clock of tests: time moves only when told to, and due timers run in the order of their due times,
// each seeing the time it was due at. No test needs to sleep.

import type { Clock, Timer } from './clock.ts';

interface Pending {
  readonly dueAt: number;
  readonly order: number;
  readonly run: () => void;
}

/** More firings than this in one advance() is a timer that re-arms itself with 0 ms. */
const firingsMax = 1_000_000;

export class ManualClock implements Clock {
  #now: number;
  #boot: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(start: { readonly now?: number; readonly bootMs?: number } = {}) {
    this.#now = start.now ?? Date.UTC(2030, 0, 1);
    this.#boot = start.bootMs ?? 1_000_000;
  }

  now(): number {
    return this.#now;
  }

  bootMs(): number {
    return this.#boot;
  }

  setTimer(ms: number, run: () => void): Timer {
    const pending: Pending = { dueAt: this.#boot + Math.max(ms, 0), order: this.#order++, run };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait: a flow that ended leaves none. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** When the next timer is due, on bootMs(); undefined when none waits. */
  get nextDueAt(): number | undefined {
    return this.#next()?.dueAt;
  }

  /** Moves both times on by `ms` and runs what falls due on the way, also what those timers set. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError('a clock advances by 0 ms or more');
    const end = this.#boot + ms;
    for (let firings = 0; ; firings++) {
      if (firings > firingsMax) throw new RangeError('a timer keeps setting itself again with 0 ms');
      const next = this.#next();
      if (next === undefined || next.dueAt > end) break;
      this.#pending.delete(next);
      this.#moveTo(Math.max(next.dueAt, this.#boot));
      next.run();
    }
    this.#moveTo(end);
  }

  /** Jumps wall time, as a person or NTP does: nothing fires, and bootMs() stays. */
  setNow(ms: number): void {
    this.#now = ms;
  }

  #moveTo(boot: number): void {
    this.#now += boot - this.#boot;
    this.#boot = boot;
  }

  #next(): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (
        first === undefined ||
        pending.dueAt < first.dueAt ||
        (pending.dueAt === first.dueAt && pending.order < first.order)
      ) {
        first = pending;
      }
    }
    return first;
  }
}
