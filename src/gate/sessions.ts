// The sessions that this gate carries now: which operator's connection, which link, which channels, and
// what ends them here. The authority owns a session's life; the gate ends what it is told to, what its
// clock says (idle, and the deadline as a backstop), and what lost one of its legs. INVARIANT: a session
// that was ended is forgotten before anything is reported, and never admitted again by its old pass.

import type { EndReason } from '../core/end-reason.ts';
import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';

export interface SessionStart {
  readonly session: string;
  /** The operator's connection, by identity: it ends what it opened. */
  readonly operator: object;
  readonly link: string;
  readonly idleMs: number;
  /** Unix ms. */
  readonly mustEndAt: number;
}

/** One channel's place in its session. */
export interface Seat {
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  count(bytes: number): void;
  /** How many channels of the session were reported before this one. Once. */
  takeNumber(): number;
  /** `isClean`: it was not cut. Exactly once. */
  leave(isClean: boolean): void;
}

export interface SessionsOptions {
  readonly clock: Clock;
  /** A session ended by the gate's own doing; every channel has left it. */
  readonly onEnded: (session: string, reason: EndReason) => void;
}

/** An idle session is noticed at the latest this part of its idle limit late. */
const looksPerIdle = 8;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #live = new Map<string, Carried>();
  /** Ended lately: an accept that crossed the end on its way here must not revive it. */
  readonly #over = new Set<string>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get ids(): readonly string[] {
    return [...this.#live.keys()];
  }

  hasEnded(session: string): boolean {
    return this.#over.has(session);
  }

  /** A seat for one more channel; undefined when the session belongs to another connection, or is over. */
  seat(start: SessionStart): Seat | undefined {
    if (this.#over.has(start.session)) return undefined;
    let carried = this.#live.get(start.session);
    if (carried === undefined) {
      carried = new Carried(start, this.#options.clock, (reason) => this.end(start.session, reason));
      this.#live.set(start.session, carried);
    }
    return carried.operator === start.operator ? carried.seat() : undefined;
  }

  /** By order of the authority, which knows the reason and needs no report. */
  cut(session: string, reason: EndReason): void {
    this.#stop(session, reason);
  }

  /** For a reason of the gate's own. */
  end(session: string, reason: EndReason): void {
    const carried = this.#stop(session, reason);
    void carried?.whenEmpty().then(() => this.#options.onEnded(session, reason));
  }

  endAll(reason: EndReason): void {
    for (const session of this.ids) this.end(session, reason);
  }

  linkLost(link: string): void {
    for (const carried of this.#live.values()) if (carried.link === link) this.end(carried.id, 'device_gone');
  }

  /** Its channels fall with it; how they ended says how their sessions did, so they are waited for. */
  operatorLeft(operator: object): void {
    for (const carried of this.#live.values()) {
      if (carried.operator !== operator) continue;
      void carried.whenEmpty().then(() => this.end(carried.id, carried.wasCut ? 'operator_gone' : 'exit'));
    }
  }

  #stop(session: string, reason: EndReason): Carried | undefined {
    this.#over.add(session);
    const [oldest] = this.#over;
    if (oldest !== undefined && this.#over.size > limits.channelsPerLinkMax) this.#over.delete(oldest);
    const carried = this.#live.get(session);
    this.#live.delete(session);
    carried?.stop(reason);
    return carried;
  }
}

class Carried {
  readonly id: string;
  readonly operator: object;
  readonly link: string;
  readonly #seats = new Set<AbortController>();
  readonly #clock: Clock;
  readonly #timers = new Map<'idle' | 'deadline', Timer>();
  #bytes = 0;
  #reported = 0;
  #wasCut = false;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(start: SessionStart, clock: Clock, end: (reason: EndReason) => void) {
    this.id = start.session;
    this.operator = start.operator;
    this.link = start.link;
    this.#clock = clock;
    this.#watchIdle(start.idleMs, () => end('idle'));
    this.#watchDeadline(start.mustEndAt, () => end('deadline'));
  }

  /** Some channel was. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** When no channel is open; they all leave once the connection or the session is gone. */
  whenEmpty(): Promise<void> {
    if (this.#seats.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  seat(): Seat {
    const controller = new AbortController();
    this.#seats.add(controller);
    return {
      signal: controller.signal,
      count: (bytes) => {
        this.#bytes += bytes;
      },
      takeNumber: () => this.#reported++,
      leave: (isClean) => {
        if (!this.#seats.delete(controller)) return;
        if (!isClean) this.#wasCut = true;
        if (this.#seats.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
      },
    };
  }

  stop(reason: EndReason): void {
    for (const timer of this.#timers.values()) timer.cancel();
    for (const controller of this.#seats) controller.abort(new SessionEnded(reason));
  }

  /** Compares a counter now and then: a clock read for each chunk would cost more than the chunk. */
  #watchIdle(idleMs: number, isIdle: () => void): void {
    let seen = this.#bytes;
    let activeAt = this.#clock.bootMs();
    const look = (): void => {
      const now = this.#clock.bootMs();
      if (this.#bytes !== seen) activeAt = now;
      seen = this.#bytes;
      if (now - activeAt >= idleMs) isIdle();
      else again();
    };
    const again = (): void => this.#set('idle', Math.max(1, Math.ceil(idleMs / looksPerIdle)), look);
    again();
  }

  #watchDeadline(mustEndAt: number, isOver: () => void): void {
    const look = (): void => {
      const leftMs = mustEndAt - this.#clock.now();
      // The timer stands still in suspend and the wall clock may be set: only the latter counts here.
      if (leftMs <= 0) isOver();
      else this.#set('deadline', leftMs, look);
    };
    this.#set('deadline', Math.max(0, mustEndAt - this.#clock.now()), look);
  }

  #set(name: 'idle' | 'deadline', ms: number, run: () => void): void {
    this.#timers.set(name, this.#clock.setTimer(ms, run, { ref: false }));
  }
}

/** Why a channel's streams were aborted. */
export class SessionEnded extends Error {
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(`the session was ended: ${reason}`);
    this.name = 'SessionEnded';
    this.reason = reason;
  }
}
