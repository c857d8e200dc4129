// The sessions that live on this device by one link: begun by a pass, ended by whatever comes first of its
// lease, its deadline, its idle limit and its link. An ended session is never resumed. Ending stops every
// byte at once; the processes follow, and what is left of them is counted for the receipt.

import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Lease } from '../wire/link-statements.ts';
import type { Pass } from '../wire/pass.ts';
import type { Receipt } from '../wire/receipt.ts';
import { LeaseBook } from './lease-book.ts';
import { ReplayWindow } from './replay-window.ts';
import { OpenSockets } from './services/open-sockets.ts';
import type { ProcessScope, Teardown } from './services/processes.ts';

/** A channel as its session sees it. */
export interface LiveChannel {
  /** Nothing is left to cut but bytes on their way. */
  readonly isOver: boolean;
  /** Cuts it at once, both ways. */
  abort(error: Error): void;
}

export type EndCause = Exclude<Receipt['cause'], 'agent_restarted'>;

export interface EndedSession extends Teardown {
  readonly session: string;
  readonly channels: number;
  readonly socketsLeft: number;
  readonly cause: EndCause;
}

export interface SessionTableOptions {
  readonly clock: Clock;
  /** Signed time, Unix ms. */
  readonly now: () => number;
  readonly openScope: (session: string) => Promise<ProcessScope>;
  /** The longest session that the device's owner allows; asked at each look, since he may change it. */
  readonly maxSessionMs?: () => number | undefined;
  /** Told once per session, with its processes gone or counted. */
  readonly onEnded: (ended: EndedSession) => Promise<void>;
}

interface LiveSession {
  readonly id: string;
  readonly name: string;
  readonly target: string;
  readonly kind: Pass['kind'];
  readonly startedAt: number;
  mustEndAt: number;
  readonly idleMs: number;
  readonly scope: Promise<ProcessScope>;
  readonly sockets: OpenSockets;
  /** One for each channel that runs or is starting, so that those asked for at once count too. */
  readonly places: Set<Place>;
  channelCount: number;
  /** Payload bytes either way; compared at each look, so that no byte has to ask a clock. */
  bytes: number;
  seenBytes: number;
  activeAt: number;
}

interface Place {
  /** Absent while its service starts. */
  channel?: LiveChannel;
}

export interface SessionOverview {
  readonly id: string;
  readonly name: string;
  readonly target: string;
  readonly kind: Pass['kind'];
  /** Unix ms, signed time. */
  readonly startedAt: number;
  readonly endsAt: number;
  /** So far. */
  readonly channelCount: number;
}

/** A place in a session, for one channel. Whoever gets one leaves it, whatever came of the channel. */
export interface Seat {
  readonly scope: ProcessScope;
  readonly sockets: OpenSockets;
  countBytes(count: number): void;
  /** Adds the running channel; false when the session has ended meanwhile. */
  take(channel: LiveChannel): boolean;
  leave(): void;
}

export class SessionTable {
  readonly #options: SessionTableOptions;
  readonly #book = new LeaseBook();
  readonly #windows = new Map<string, ReplayWindow>();
  readonly #live = new Map<string, LiveSession>();
  /** Ended here, with the lease they stood under: refused until a lease says so too. */
  readonly #ended = new Map<string, number>();
  readonly #teardowns = new Set<Promise<void>>();
  /** Session -> until when the newest of its passes may be used, signed time. */
  readonly #usableUntil = new Map<string, number>();
  #look: Timer | undefined;
  #isClosed = false;

  constructor(options: SessionTableOptions) {
    this.#options = options;
  }

  get sessions(): readonly SessionOverview[] {
    return [...this.#live.values()].map((session) => ({
      ...session,
      endsAt: Math.min(session.mustEndAt, this.#ownerEndsAt(session)),
    }));
  }

  isLeased(pass: Pass): boolean {
    return (
      !this.#isClosed &&
      !this.#ended.has(pass.session) &&
      this.#book.holds(pass.session, pass, this.#options.now())
    );
  }

  /** Uses up a channel number; false when it was used before. */
  useNumber(session: string, n: number): boolean {
    let window = this.#windows.get(session);
    if (window === undefined) {
      window = new ReplayWindow();
      this.#windows.set(session, window);
    }
    return window.use(n);
  }

  /**
   * Keeps the used numbers of a session that may never begin, as long as its pass is good: a lease that comes
   * meanwhile (the device's owner may think for a minute) would forget them, and the pass could be used again.
   */
  remember(pass: Pass): void {
    this.#usableUntil.set(pass.session, Math.max(pass.startBy, this.#usableUntil.get(pass.session) ?? 0));
  }

  /** Takes a lease that was verified, and ends what it does not list. */
  acceptLease(lease: Lease): void {
    const { accepted, cut } = this.#book.accept(lease);
    if (!accepted) return;
    for (const session of cut) this.end(session, 'not_leased');
    for (const [session, seq] of this.#ended) {
      if (this.#book.mayList(session, seq)) continue;
      this.#ended.delete(session);
    }
    const now = this.#options.now();
    for (const session of this.#windows.keys()) {
      const isUsable = (this.#usableUntil.get(session) ?? 0) >= now;
      if (isUsable || this.#live.has(session) || this.#ended.has(session)) continue;
      this.#windows.delete(session);
      this.#usableUntil.delete(session);
    }
  }

  /** Begins the session of a good pass, or joins it. Undefined when it cannot take one more channel. */
  async enter(pass: Pass): Promise<Seat | undefined> {
    let session = this.#live.get(pass.session);
    if (session === undefined) {
      if (this.#live.size >= limits.sessionsPerDeviceMax) return undefined;
      session = this.#begin(pass);
    }
    if (session.places.size >= limits.channelsPerSessionMax) return undefined;
    // A later pass may shorten a session, never lengthen it.
    session.mustEndAt = Math.min(session.mustEndAt, pass.mustEndAt);
    this.#book.enter(pass.session, pass);
    const place: Place = {};
    session.places.add(place);
    let seat: Seat | undefined;
    try {
      const scope = await session.scope;
      if (this.#live.get(session.id) === session) seat = this.#seat(session, place, scope);
      return seat;
    } finally {
      if (seat === undefined) session.places.delete(place);
    }
  }

  /** Ends one session; its bytes have stopped when this returns. Twice is once. */
  end(id: string, cause: EndCause): void {
    const session = this.#live.get(id);
    if (session === undefined) return;
    this.#live.delete(id);
    this.#book.leave(id);
    this.#ended.set(id, this.#book.seq);
    if (this.#live.size === 0) this.#look?.cancel();
    // The command or shell was over, and the authority took the session from the list: nothing was cut.
    const channels = [...session.places].flatMap(({ channel }) => channel ?? []);
    const isOver = channels.every((channel) => channel.isOver);
    const isFinished = isOver && (cause === 'not_leased' || cause === 'lease_expired');
    const error = new Error(`the session has ended: ${cause}`);
    for (const channel of channels) channel.abort(error);
    session.sockets.destroyAll(error);
    const teardown = this.#tearDown(session, isFinished ? 'finished' : cause);
    this.#teardowns.add(teardown);
    void teardown.finally(() => this.#teardowns.delete(teardown));
  }

  /** Ends all sessions, and lets none begin. Resolves when all are torn down. */
  async close(cause: EndCause): Promise<void> {
    this.#isClosed = true;
    for (const id of this.#live.keys()) this.end(id, cause);
    await Promise.all(this.#teardowns);
  }

  #begin(pass: Pass): LiveSession {
    const now = this.#options.now();
    const session: LiveSession = {
      id: pass.session,
      name: pass.name,
      target: pass.target,
      kind: pass.kind,
      startedAt: now,
      mustEndAt: pass.mustEndAt,
      idleMs: pass.idleMs,
      scope: this.#options.openScope(pass.session),
      sockets: new OpenSockets(),
      places: new Set(),
      channelCount: 0,
      bytes: 0,
      seenBytes: 0,
      activeAt: now,
    };
    if (this.#live.size === 0) this.#lookLater();
    this.#live.set(session.id, session);
    return session;
  }

  #seat(session: LiveSession, place: Place, scope: ProcessScope): Seat {
    return {
      scope,
      sockets: session.sockets,
      countBytes: (count) => {
        session.bytes += count;
      },
      take: (channel) => {
        if (this.#live.get(session.id) !== session) return false;
        place.channel = channel;
        session.channelCount += 1;
        // A channel that opens is a sign of life, also before its first byte.
        session.bytes += 1;
        return true;
      },
      leave: () => void session.places.delete(place),
    };
  }

  async #tearDown(session: LiveSession, cause: EndCause): Promise<void> {
    // Bytes first: what was aborted leaves with the next turn of the loop, and only then come the processes
    // (a hundred sessions may end at once, and the kernel takes its time over each).
    await new Promise((resolve) => setImmediate(resolve));
    const scope = await session.scope.catch(() => undefined);
    const teardown = (await scope?.terminate()) ?? { method: 'nothing_started', processesLeft: 0 };
    const socketsLeft = await session.sockets.left();
    const { id, channelCount: channels } = session;
    await this.#options.onEnded({ ...teardown, session: id, channels, socketsLeft, cause });
  }

  #lookLater(): void {
    this.#look = this.#options.clock.setTimer(limits.sessionLookMs, () => {
      this.#lookNow();
      if (this.#live.size > 0) this.#lookLater();
    });
  }

  #lookNow(): void {
    const now = this.#options.now();
    for (const id of this.#book.expired(now)) this.end(id, 'lease_expired');
    for (const session of this.#live.values()) {
      if (session.bytes !== session.seenBytes) {
        session.seenBytes = session.bytes;
        session.activeAt = now;
      }
      if (now >= session.mustEndAt) this.end(session.id, 'deadline');
      else if (now >= this.#ownerEndsAt(session)) this.end(session.id, 'owner_limit');
      else if (now - session.activeAt >= session.idleMs) this.end(session.id, 'idle');
    }
  }

  #ownerEndsAt(session: LiveSession): number {
    return session.startedAt + (this.#options.maxSessionMs?.() ?? Infinity);
  }
}
