// How much a peer may send ahead on each stream of a session (design section 3, "windows follow the path"):
// twice what the path carries in one round trip, between 1 and 16 MiB, less where many streams share the
// connection, since every stream that nobody reads holds its whole window in memory. A session has one size
// for all its streams (RFC 9113, section 6.9.2); each end sets what it is sent. Pure but for what it is given.
//
// How much the path carries is asked while bytes arrive: a PING, and what came until its answer. Measured
// this way a window that holds the sender back shows as a full window each round trip, and doubles.

import { limits } from '../core/limits.ts';

export interface WindowOwner {
  /** Sends a PING; false when none can be sent now. The answer comes once, with the round trip in ms. */
  ping(onAnswer: (roundTripMs: number) => void): boolean;
  /** Announces the size; `onKnown` once the peer goes by it. */
  announce(bytes: number, onKnown: () => void): void;
}

export class PathWindow {
  readonly #owner: WindowOwner;
  /** What the path wants; only rises. */
  #wanted: number = limits.streamWindowBytes;
  /** What the streams leave to each of them. */
  #share: number = limits.streamWindowMaxBytes;
  #announced: number = limits.streamWindowBytes;
  #isAnnouncing = false;
  #isAsking = false;
  #shortestMs = Infinity;
  #received = 0;
  /** A PING leaves when this much has come. */
  #askAt: number = firstAskBytes;
  #askEvery: number = firstAskBytes;

  constructor(owner: WindowOwner) {
    this.#owner = owner;
  }

  /** For each chunk of a stream. */
  received(bytes: number): void {
    this.#received += bytes;
    if (this.#received >= this.#askAt && !this.#isAsking) this.ask();
  }

  /** Also once at the start, when nothing yet waits in front of the answer. */
  ask(): void {
    const before = this.#received;
    this.#isAsking = this.#owner.ping((roundTripMs) => {
      this.#isAsking = false;
      this.#learn(this.#received - before, roundTripMs);
    });
    this.#askAt = this.#received + this.#askEvery;
  }

  /** How many streams live, whenever that changes. */
  setStreams(count: number): void {
    const total = limits.streamWindowsTotalBytes;
    while (this.#share > limits.streamWindowMinBytes && count * this.#share > total) this.#share /= 2;
    // Only with room to spare, so that a count that goes up and down does not become a flood of SETTINGS.
    while (this.#share < limits.streamWindowMaxBytes && count * this.#share * 4 <= total) this.#share *= 2;
    this.#announce();
  }

  #learn(bytes: number, roundTripMs: number): void {
    // What waits in queues lengthens a round trip; the shortest one is the path's own.
    this.#shortestMs = Math.min(this.#shortestMs, roundTripMs);
    const isShort = this.#shortestMs < shortPathMs;
    const carried = isShort ? 0 : bytes * (this.#shortestMs / roundTripMs);
    const wanted = Math.min(2 * carried, limits.streamWindowMaxBytes);
    // The more often nothing was to be learned, the less often it is asked.
    const isNews = wanted > this.#wanted;
    this.#askEvery = isNews ? firstAskBytes : Math.min(this.#askEvery * 2, limits.streamWindowMaxBytes);
    this.#askAt = this.#received + this.#askEvery;
    while (this.#wanted < wanted) this.#wanted *= 2;
    this.#announce();
  }

  #announce(): void {
    const bytes = Math.min(this.#wanted, this.#share);
    if (this.#isAnnouncing || bytes === this.#announced) return;
    this.#isAnnouncing = true;
    this.#announced = bytes;
    this.#owner.announce(bytes, () => {
      this.#isAnnouncing = false;
      this.#announce();
    });
  }
}

/** A quarter of the first window: short conversations never ask. */
const firstAskBytes = limits.streamWindowBytes / 4;
/**
 * On a shorter path the first window carries 200 MB/s and more, and a longer round trip is that of a busy
 * machine: more ahead would only wait in its memory, in front of everybody's keystrokes.
 */
const shortPathMs = 5;
