// Answers that come after silence: how somebody behind a NAT measures how long an idle connection survives
// on its way here (`agent preflight --nat`). Whoever asks has shown nothing, so what this may hold is bounded
// in time and number, and costs a timer; the front door bounds it per address besides.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';

export class IdleProbes {
  readonly #clock: Clock;
  #held = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after that time, or when nobody waits any more. */
  async hold(forMs: number, gone: AbortSignal | undefined): Promise<{ readonly heldMs: number }> {
    if (this.#held >= limits.idleProbesMax) {
      throw new SallyportError('rate_limited', 'too many idle connections are being measured here', {
        next: 'try again later',
      });
    }
    this.#held += 1;
    const startedAt = this.#clock.bootMs();
    try {
      await this.#silence(forMs, gone);
    } finally {
      this.#held -= 1;
    }
    return { heldMs: Math.round(this.#clock.bootMs() - startedAt) };
  }

  #silence(forMs: number, gone: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        gone?.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#clock.setTimer(forMs, done, { ref: false });
      gone?.addEventListener('abort', done, { once: true });
      if (gone?.aborted === true) done();
    });
  }
}
