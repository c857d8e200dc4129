import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { PathWindow } from './path-window.ts';

const mib = 1024 * 1024;

/** A path with one sender that always has more: what arrives in a round trip is its window, or the path's rate. */
class Path {
  readonly announced: number[] = [];
  readonly window: PathWindow;
  pings = 0;
  #windowBytes = limits.streamWindowBytes;
  #answer: (() => void) | undefined;
  readonly #bytesPerMs: number;
  readonly #roundTripMs: number;

  constructor(path: { readonly roundTripMs: number; readonly bytesPerMs: number }) {
    this.#bytesPerMs = path.bytesPerMs;
    this.#roundTripMs = path.roundTripMs;
    this.window = new PathWindow({
      ping: (onAnswer) => {
        this.pings += 1;
        const queued = Math.max(0, this.#windowBytes / this.#bytesPerMs - this.#roundTripMs);
        const tookMs = this.pings === 1 ? this.#roundTripMs : this.#roundTripMs + queued;
        this.#answer = () => onAnswer(tookMs);
        return true;
      },
      announce: (bytes, onKnown) => {
        this.announced.push(bytes);
        this.#windowBytes = bytes;
        onKnown();
      },
    });
    this.window.ask();
    this.answer();
  }

  answer(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.();
  }

  /** What the window lets through, and then the answer of whatever was asked before. */
  roundTrips(count: number): void {
    for (let trip = 0; trip < count; trip += 1) {
      const pieces = 64;
      for (let piece = 0; piece < pieces; piece += 1) this.window.received(this.#windowBytes / pieces);
      // What was asked during this trip is answered a trip later, with a whole window in between.
      const answer = this.#answer;
      this.#answer = undefined;
      for (let piece = 0; piece < pieces; piece += 1) this.window.received(this.#windowBytes / pieces);
      answer?.();
    }
  }
}

void test('a long fast path gets twice what it carries in a round trip', () => {
  // 50 ms and 1 Gbit/s: 6.25 MB are on their way.
  const path = new Path({ roundTripMs: 50, bytesPerMs: 125_000 });
  path.roundTrips(20);
  assert.deepEqual(path.announced, [4 * mib, 16 * mib]);
});

void test('a short path keeps the first window, and is asked ever less often', () => {
  const path = new Path({ roundTripMs: 0.2, bytesPerMs: 400_000 });
  path.roundTrips(1_000);
  assert.deepEqual(path.announced, []);
  assert.ok(path.pings < 200, `${path.pings} pings for 2,000 MiB`);
});

void test('a slow path is not given more for what waits in its queues', () => {
  // 50 ms and 8 Mbit/s carry 50 kB; the rest of the first window only waits.
  const path = new Path({ roundTripMs: 50, bytesPerMs: 1_000 });
  path.roundTrips(50);
  assert.deepEqual(path.announced, []);
});

void test('L12 the more streams there are, the less each may be sent ahead', () => {
  const path = new Path({ roundTripMs: 50, bytesPerMs: 125_000 });
  path.roundTrips(20);
  path.announced.length = 0;
  for (let streams = 1; streams <= limits.channelsPerLinkMax; streams += 1) {
    path.window.setStreams(streams);
    const held = streams * (path.announced.at(-1) ?? 16 * mib);
    assert.ok(held <= Math.max(limits.streamWindowsTotalBytes, streams * limits.streamWindowMinBytes));
  }
  assert.equal(path.announced.at(-1), limits.streamWindowMinBytes);
  for (let streams = limits.channelsPerLinkMax; streams > 0; streams -= 1) path.window.setStreams(streams);
  assert.equal(path.announced.at(-1), 16 * mib);
});

void test('streams that come and go around a bound change nothing after the first time', () => {
  const path = new Path({ roundTripMs: 0.2, bytesPerMs: 400_000 });
  for (let turn = 0; turn < 1_000; turn += 1) {
    path.window.setStreams(128);
    path.window.setStreams(129);
  }
  assert.deepEqual(path.announced, [mib / 2]);
});

void test('one size is announced at a time, and the last one wanted is announced at the end', () => {
  const announced: number[] = [];
  const known: (() => void)[] = [];
  const window = new PathWindow({
    ping: () => false,
    announce: (bytes, onKnown) => {
      announced.push(bytes);
      known.push(onKnown);
    },
  });
  window.setStreams(200);
  window.setStreams(2_000);
  window.setStreams(10_000);
  assert.deepEqual(announced, [mib / 2]);
  known[0]?.();
  assert.deepEqual(announced, [mib / 2, limits.streamWindowMinBytes]);
});
