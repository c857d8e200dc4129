// Step-ups: who opens a session that policy wants a passkey for says yes to exactly it, in a browser. Which
// ones wait, which were said yes to and not used yet, and when a machine's owner last said yes to anything on it. In
// memory: what is lost is asked again.

import type { IdentityId } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { LastYes, type Place } from './last-yes.ts';

export interface StepUp {
  readonly id: string;
  readonly identity: IdentityId;
  /** SPKI thumbprint of the key that asked: only that key can use it. */
  readonly cnf: string;
  /** What the passkey signs the hash of; the wish is in it. */
  readonly content: JsonObject;
  /** SHA-256 of target and parameters, base64url. */
  readonly wish: string;
  /** The passkey that said yes. */
  readonly passkey?: string;
}

interface Kept extends StepUp {
  /** Boot clock: waited for until then, and from the yes on good until then. */
  readonly until: number;
}

export interface Freshness {
  readonly ageMs: number;
  readonly passkey: string;
}

export class StepUps {
  readonly #clock: Clock;
  /** In order of age. */
  readonly #open = new Map<string, Kept>();
  /** By which passkey. */
  readonly #last: LastYes<string>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = new LastYes(clock);
  }

  /** Undefined where too many wait, of all or of this identity. */
  add(stepUp: StepUp): { readonly lifeMs: number } | undefined {
    const now = this.#clock.bootMs();
    let own = 0;
    for (const [id, { until, identity }] of this.#open) {
      if (until <= now) this.#open.delete(id);
      else if (identity === stepUp.identity) own += 1;
    }
    if (own >= limits.stepUpsPerIdentityMax || this.#open.size >= limits.stepUpsMax) return undefined;
    this.#open.set(stepUp.id, { ...stepUp, until: now + limits.stepUpLifeMs });
    return { lifeMs: limits.stepUpLifeMs };
  }

  find(id: string): StepUp | undefined {
    const found = this.#open.get(id);
    return found !== undefined && found.until > this.#clock.bootMs() ? found : undefined;
  }

  /** False where it has been used, confirmed or forgotten meanwhile. */
  confirm(id: string, passkey: string): boolean {
    const found = this.#open.get(id);
    const now = this.#clock.bootMs();
    if (found === undefined || found.until <= now || found.passkey !== undefined) return false;
    this.#open.set(id, { ...found, passkey, until: now + limits.stepUpLifeMs });
    this.#last.said(found, passkey);
    return true;
  }

  /** Whether it was there: it is good once. */
  use(id: string): boolean {
    return this.#open.delete(id);
  }

  /** Undefined: no passkey said yes to anything of this key, as far as is known. */
  freshness(who: Place): Freshness | undefined {
    const last = this.#last.find(who);
    return last === undefined ? undefined : { ageMs: last.ageMs, passkey: last.by };
  }
}
