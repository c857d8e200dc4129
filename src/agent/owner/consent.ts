// The owner's consent, given on site for a while: who waits for it, who has it. Kept in memory only: an
// agent that was restarted has none. Counts on the boot clock, which nobody sets.

import { limits } from '../../core/limits.ts';
import type { ServedKind } from '../../core/channel.ts';
import type { Clock } from '../../platform/clock.ts';

/** Who asks, for the person on site to see. */
export interface Applicant {
  readonly session: string;
  readonly name: string;
  readonly target: string;
  readonly kind: ServedKind;
}

/** How a wait ended; `left`: the operator, or the agent that stops. `full`: too many wait already. */
export type ConsentAnswer = 'given' | 'refused' | 'late' | 'left' | 'full';

export interface Waiting extends Applicant {
  /** Boot clock. */
  readonly since: number;
  readonly until: number;
}

interface Waiter {
  readonly about: Waiting;
  settle(answer: ConsentAnswer): void;
}

const admittedMax = 2 * limits.sessionsPerDeviceMax;

export class Consent {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  /** Boot clock, for everybody. */
  #openUntil = 0;
  /** For one session each: until when it may begin. */
  readonly #named = new Map<string, number>();
  /** Sessions that began by consent, which their later channels share. */
  readonly #admitted = new Set<string>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waiting(): readonly Waiting[] {
    return [...this.#waiters].map(({ about }) => about);
  }

  /** How long anybody may still begin; 0 when nobody may. */
  get openForMs(): number {
    return Math.max(0, this.#openUntil - this.#clock.bootMs());
  }

  /** Whether the session may open a channel now. From a yes on it may until it ends. */
  isGiven(session: string): boolean {
    if (this.#admitted.has(session)) return true;
    const now = this.#clock.bootMs();
    if (now >= this.#openUntil && now >= (this.#named.get(session) ?? 0)) return false;
    this.#named.delete(session);
    this.#admitted.add(session);
    // Some were let in and then did not begin: nobody tells the end of those.
    const [oldest] = this.#admitted;
    if (oldest !== undefined && this.#admitted.size > admittedMax) this.#admitted.delete(oldest);
    return true;
  }

  /** Waits for `isGiven`, at most so long. */
  async wait(
    about: Applicant,
    options: { readonly withinMs: number; readonly signal: AbortSignal },
  ): Promise<ConsentAnswer> {
    if (this.isGiven(about.session)) return 'given';
    if (this.#isStopped || options.signal.aborted) return 'left';
    if (this.#waiters.size >= limits.consentWaitingMax) return 'full';
    const withinMs = Math.max(0, Math.min(options.withinMs, limits.consentWaitMs));
    return new Promise((resolve) => {
      const since = this.#clock.bootMs();
      const onLeave = (): void => waiter.settle('left');
      const timer = this.#clock.setTimer(withinMs, () => waiter.settle('late'));
      const waiter: Waiter = {
        about: { ...about, since, until: since + withinMs },
        settle: (answer) => {
          this.#waiters.delete(waiter);
          timer.cancel();
          options.signal.removeEventListener('abort', onLeave);
          resolve(answer);
        },
      };
      options.signal.addEventListener('abort', onLeave, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** To one session or to all that open within this time. Answers the sessions that waited for it. */
  give(forMs: number, session?: string): readonly string[] {
    const until = this.#clock.bootMs() + forMs;
    if (session === undefined) this.#openUntil = until;
    else this.#nameSession(session, until);
    return this.#settle('given', ({ about }) => this.isGiven(about.session));
  }

  /** Nobody begins any more; who is in stays in. */
  withdraw(): void {
    this.#openUntil = 0;
    this.#named.clear();
  }

  /** Sends away those who wait: one session, or all. */
  refuse(session?: string): readonly string[] {
    return this.#settle('refused', ({ about }) => session === undefined || about.session === session);
  }

  /** The session is over. */
  forget(session: string): void {
    this.#admitted.delete(session);
  }

  /** Those who wait are let go, and nobody waits again. */
  stop(): void {
    this.#isStopped = true;
    this.#settle('left', () => true);
  }

  #settle(answer: ConsentAnswer, isMeant: (waiter: Waiter) => boolean): readonly string[] {
    const meant = [...this.#waiters].filter(isMeant);
    for (const waiter of meant) waiter.settle(answer);
    return [...new Set(meant.map(({ about }) => about.session))];
  }

  #nameSession(session: string, until: number): void {
    const now = this.#clock.bootMs();
    for (const [named, end] of this.#named) if (now >= end) this.#named.delete(named);
    const [oldest] = this.#named.keys();
    if (oldest !== undefined && this.#named.size >= limits.sessionsPerDeviceMax) this.#named.delete(oldest);
    this.#named.set(session, until);
  }
}
