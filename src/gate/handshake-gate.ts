// Link handshakes take turns (negative test L18): when a thousand devices come back at once, a bounded
// number is under way, from the TLS handshake to the welcome, and the others wait with a hello read and
// nothing spent on them. At most one starts in each turn of the event loop, because its signatures cost
// about a millisecond, and live sessions need the turns between.

export interface HandshakeGateBounds {
  readonly linkHandshakesMax: number;
  readonly waitingMax: number;
}

/** Told to start; calls `leave` when the handshake is over, however it ended. Twice is once. */
type Start = (leave: () => void) => void;

export class HandshakeGate {
  readonly #bounds: HandshakeGateBounds;
  readonly #waiting = new Set<{ readonly start: Start }>();
  #underWay = 0;
  #isScheduled = false;

  constructor(bounds: HandshakeGateBounds) {
    this.#bounds = bounds;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The answer gives the place in the queue up. Undefined: too many wait, come back later. */
  enter(start: Start): (() => void) | undefined {
    if (this.#waiting.size >= this.#bounds.waitingMax) return undefined;
    const waiting = { start };
    this.#waiting.add(waiting);
    this.#schedule();
    return () => void this.#waiting.delete(waiting);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    if (this.#underWay >= this.#bounds.linkHandshakesMax) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#startNext();
      this.#schedule();
    });
  }

  #startNext(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#underWay >= this.#bounds.linkHandshakesMax) return;
    this.#waiting.delete(next);
    this.#underWay++;
    let isOver = false;
    next.start(() => {
      if (isOver) return;
      isOver = true;
      this.#underWay--;
      this.#schedule();
    });
  }
}
