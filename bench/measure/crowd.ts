// One crowd of streaming sessions under one clock, used by the bare and the product's crowd process:
// opens members a few at a time, waits until each has streamed, cuts on request, reports the last bytes.

import { once } from 'node:events';

/** As printed: times in ms since the request to cut was sent. A last byte before it counts as 0. */
export interface CrowdReport {
  readonly lastByteMs: readonly number[];
  readonly endMs: readonly number[];
  /** When the request to cut was answered. */
  readonly answerMs: number;
  /** Bytes' chunks per second over all members, in the second before the cut. */
  readonly chunksPerSecond: number;
}

export interface Member {
  received(): void;
  ended(): void;
}

interface Seen {
  lastAt: number;
  endedAt: number;
  chunks: number;
}

/** Handshakes under way at once: far below what a front door allows one address. */
const openAtOnce = 8;
const waitMaxMs = 30_000;
const quietMs = 20;
const observeMs = 1_000;

export class Crowd {
  readonly #size: number;
  readonly #seen: Seen[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Resolves when every member has received something; `join` resolves when its stream is asked for. */
  async open(join: (member: Member) => Promise<void>): Promise<void> {
    const joinNext = async (): Promise<void> => {
      while (this.#seen.length < this.#size) {
        const seen: Seen = { lastAt: 0, endedAt: 0, chunks: 0 };
        this.#seen.push(seen);
        await join({
          received: () => {
            seen.lastAt = performance.now();
            seen.chunks += 1;
          },
          ended: () => {
            seen.endedAt = performance.now();
          },
        });
      }
    };
    await Promise.all(Array.from({ length: openAtOnce }, joinNext));
    await this.#until(() => this.#seen.every((seen) => seen.chunks > 0), 'every session streams');
  }

  /** Says "ready", waits for a line on stdin, cuts, and prints the report. */
  async cutWith(cut: () => Promise<void>): Promise<void> {
    process.stdout.write('{"ready":true}\n');
    await once(process.stdin, 'data');
    process.stdin.pause();
    const before = this.#chunks();
    const observedFrom = performance.now();
    await wait(observeMs);
    const chunksPerSecond = ((this.#chunks() - before) * 1_000) / (performance.now() - observedFrom);
    const ended = this.#seen.filter((seen) => seen.endedAt > 0).length;
    if (ended > 0) throw new Error(`${ended} sessions ended before the cut`);
    const sentAt = performance.now();
    await cut();
    const answerMs = performance.now() - sentAt;
    await this.#until(() => this.#seen.every((seen) => seen.endedAt > 0), 'every session ends');
    const report: CrowdReport = {
      lastByteMs: this.#seen.map((seen) => Math.max(0, seen.lastAt - sentAt)),
      endMs: this.#seen.map((seen) => seen.endedAt - sentAt),
      answerMs,
      chunksPerSecond,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }

  #chunks(): number {
    return this.#seen.reduce((sum, seen) => sum + seen.chunks, 0);
  }

  async #until(isTrue: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + waitMaxMs;
    while (!isTrue()) {
      if (performance.now() > deadline) throw new Error(`gave up waiting until ${what}`);
      await wait(quietMs);
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
