// The standing locks, in memory, so that every decision reads them without asking the store, and a new
// lock acts before it is written. `version` rises with every change: leases and heartbeats carry it.

import type { LockId } from '../../core/ids.ts';
import { findLock, type Lock, type LockSubject } from '../../core/lock.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../store/store.ts';

export class LockBook {
  readonly #clock: Clock;
  readonly #locks = new Map<LockId, Lock>();
  #version = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get version(): number {
    return this.#version;
  }

  all(): readonly Lock[] {
    return [...this.#locks.values()];
  }

  find(subject: LockSubject): Lock | undefined {
    return findLock(this.#locks.values(), subject, this.#clock.now());
  }

  add(lock: Lock): void {
    this.#locks.set(lock.id, lock);
    this.#version += 1;
  }

  remove(id: LockId): void {
    if (this.#locks.delete(id)) this.#version += 1;
  }

  /** Reads every lock of the store: at start. */
  async load(store: Store): Promise<void> {
    let after: string | undefined;
    do {
      const page = await store.list('lock', {}, after === undefined ? {} : { after });
      for (const { value } of page.items) this.add(value);
      after = page.next;
    } while (after !== undefined);
  }
}
