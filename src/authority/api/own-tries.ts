// What somebody who is signed in was refused within a minute: each refusal is an event, and a stolen key must not fill
// the log with them, nor try for ever. Those that succeed never count.

import { SallyportError } from '../../core/errors.ts';
import type { DeviceId, IdentityId } from '../../core/ids.ts';
import type { Clock } from '../../platform/clock.ts';
import { RateLimit } from './rate-limit.ts';

export class OwnTries {
  readonly #what: string;
  readonly #limit: RateLimit;

  /** `what`: for "too many … of yours were refused". */
  constructor(clock: Clock, what: string, perMinute: number) {
    this.#what = what;
    this.#limit = new RateLimit(clock, perMinute);
  }

  /** Throws `rate_limited`. */
  requireLeft(who: IdentityId | DeviceId): void {
    if (this.#limit.hasLeft(who)) return;
    throw new SallyportError('rate_limited', `too many ${this.#what} of yours were refused`, {
      next: 'try again in a minute',
    });
  }

  refused(who: IdentityId | DeviceId): void {
    this.#limit.take(who);
  }
}
