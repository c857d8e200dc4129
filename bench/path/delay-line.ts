// One direction of one connection on a long way: what was read leaves at the way's pace, arrives after the
// delay, and counts as in flight until the word of its arrival is back. No sockets and no clock in here.

/** The way's speed in one direction, shared by all that goes there. */
export class Pace {
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs;
  }

  /** When the last of these bytes has left. */
  send(bytes: number, now: number): number {
    this.#freeAt = Math.max(this.#freeAt, now) + bytes / this.#bytesPerMs;
    return this.#freeAt;
  }
}

export interface DelayLineOptions {
  readonly pace: Pace;
  readonly oneWayMs: number;
  readonly windowBytes: number;
  /** False: no more before `drained`. */
  readonly write: (chunks: readonly Buffer[]) => boolean;
  readonly end: () => void;
  readonly setReading: (isReading: boolean) => void;
}

interface Due {
  readonly at: number;
  /** Undefined: the end of the direction. */
  readonly chunk: Buffer | undefined;
}

export class DelayLine {
  readonly #options: DelayLineOptions;
  #underWay: Due[] = [];
  #words: { readonly at: number; readonly bytes: number }[] = [];
  #inFlight = 0;
  #isReading = true;
  #isTaken = true;

  constructor(options: DelayLineOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#underWay.length > 0 || this.#words.length > 0;
  }

  push(chunk: Buffer, now: number): void {
    const { pace, oneWayMs, windowBytes } = this.#options;
    this.#underWay.push({ at: pace.send(chunk.length, now) + oneWayMs, chunk });
    this.#inFlight += chunk.length;
    if (this.#inFlight < windowBytes || !this.#isReading) return;
    this.#isReading = false;
    this.#options.setReading(false);
  }

  finish(now: number): void {
    this.#underWay.push({ at: this.#options.pace.send(0, now) + this.#options.oneWayMs, chunk: undefined });
  }

  /** The receiver takes more. */
  drained(): void {
    this.#isTaken = true;
  }

  advance(now: number): void {
    if (this.#isTaken) this.#arrive(now);
    this.#hear(now);
  }

  #arrive(now: number): void {
    const count = countUntil(this.#underWay, now);
    if (count === 0) return;
    const chunks: Buffer[] = [];
    let isEnd = false;
    let bytes = 0;
    for (const { chunk } of this.#underWay.splice(0, count)) {
      if (chunk === undefined) isEnd = true;
      else {
        chunks.push(chunk);
        bytes += chunk.length;
      }
    }
    if (chunks.length > 0) this.#isTaken = this.#options.write(chunks);
    if (bytes > 0) this.#words.push({ at: now + this.#options.oneWayMs, bytes });
    if (isEnd) this.#options.end();
  }

  #hear(now: number): void {
    const count = countUntil(this.#words, now);
    for (const { bytes } of this.#words.splice(0, count)) this.#inFlight -= bytes;
    if (this.#isReading || this.#inFlight >= this.#options.windowBytes) return;
    this.#isReading = true;
    this.#options.setReading(true);
  }
}

/** Times never go back in these lists. */
function countUntil(list: readonly { readonly at: number }[], now: number): number {
  const later = list.findIndex(({ at }) => at > now);
  return later < 0 ? list.length : later;
}
