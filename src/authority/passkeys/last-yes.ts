// When somebody last said yes on a machine, and by what: in memory, the newest of a bounded number. What is lost is
// asked again.

import type { IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';

/** A person, and the SPKI thumbprint of the key that asks there. */
export interface Place {
  readonly identity: IdentityId;
  readonly cnf: string;
}

export class LastYes<T> {
  readonly #clock: Clock;
  /** `at`: boot clock, ms. In order of that. */
  readonly #last = new Map<string, { readonly at: number; readonly by: T }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  said(place: Place, by: T): void {
    const key = keyOf(place);
    this.#last.delete(key);
    this.#last.set(key, { at: this.#clock.bootMs(), by });
    const oldest = this.#last.size > limits.stepUpsKept ? this.#last.keys().next().value : undefined;
    if (oldest !== undefined) this.#last.delete(oldest);
  }

  /** Undefined: not on this machine, as far as is known. */
  find(place: Place): { readonly ageMs: number; readonly by: T } | undefined {
    const last = this.#last.get(keyOf(place));
    return last === undefined ? undefined : { ageMs: this.#clock.bootMs() - last.at, by: last.by };
  }

  /** On every machine. */
  forget(identity: IdentityId): void {
    const own = keyOf({ identity, cnf: '' });
    for (const key of this.#last.keys()) if (key.startsWith(own)) this.#last.delete(key);
  }
}

function keyOf({ identity, cnf }: Place): string {
  return `${identity} ${cnf}`;
}
