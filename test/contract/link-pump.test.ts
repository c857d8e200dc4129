// The pump's promise, by chance: for every pair of stream kinds and every way to end, no cut is seen as
// an end, every outcome resolves, and no stream is left.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ByteStream, InboundEnd, StreamEnd, Trailers } from '../../src/link/byte-stream.ts';
import { pump, type PumpOutcome } from '../../src/link/pump.ts';
import { makeCredentials } from './link-ends.ts';
import { Joints, kinds, type Joint, type Kind } from './link-joints.ts';

const seed = Number(process.env['LINK_SEED'] ?? Date.now() % 1_000_000);
/** Six rounds of nine ways for nine pairs; LINK_ROUNDS asks for a longer soak. */
const rounds = Number(process.env['LINK_ROUNDS'] ?? 6);
let joints: Joints;
before(async () => {
  joints = new Joints(await makeCredentials());
});
after(() => joints.close());

/** mulberry32: small, seeded, good enough to choose cases. */
function chance(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const pattern = Buffer.from(Uint8Array.from({ length: 251 * 300 }, (_, at) => at % 251));

/** Bytes `from` to `to` of an endless text whose every position is known. */
function textAt(from: number, to: number): Buffer {
  return pattern.subarray(from % 251, (from % 251) + (to - from));
}

interface Plan {
  readonly bytes: number;
  readonly chunk: number;
  /** Called once `at` bytes were written (or the writer first had to wait, if `onWait`). */
  readonly trigger?: { readonly at: number; readonly onWait: boolean; readonly run: () => void };
  readonly isReading: boolean;
  readonly trailers: Trailers;
}

interface Seen {
  readonly received: number;
  readonly isFaithful: boolean;
  readonly end: InboundEnd;
  readonly hasEndedClean: boolean;
  readonly closed: StreamEnd;
}

/** Plays one outer end to its close. A side that does not read starts to once the other gave up. */
function play(stream: ByteStream, plan: Plan): Promise<Seen> & { read(): void } {
  let sent = 0;
  let received = 0;
  let isFaithful = true;
  let hasEndedClean = false;
  let isTriggered = false;
  let end: InboundEnd | undefined;
  const { promise, resolve } = Promise.withResolvers<Seen>();

  const trigger = (isWaiting: boolean): void => {
    const { trigger } = plan;
    if (trigger === undefined || isTriggered || (sent < trigger.at && !(isWaiting && trigger.onWait))) return;
    isTriggered = true;
    trigger.run();
  };
  const write = (): void => {
    while (sent < plan.bytes) {
      const next = Math.min(plan.bytes, sent + plan.chunk);
      const hasRoom = stream.write(textAt(sent, next));
      sent = next;
      trigger(false);
      if (!hasRoom) return trigger(true);
    }
    if (hasEndedClean) return;
    hasEndedClean = true;
    stream.endClean(plan.trailers);
    trigger(true);
  };
  stream.listen({
    onData(chunk) {
      isFaithful &&= textAt(received, received + chunk.length).equals(chunk);
      received += chunk.length;
    },
    onEnd(how) {
      end = how;
    },
    onDrain: write,
    onClose(closed) {
      assert.ok(end !== undefined, 'the end is told before the close');
      resolve({ received, isFaithful, end, hasEndedClean, closed });
    },
  });
  if (!plan.isReading) stream.pause();
  write();
  return Object.assign(promise, { read: () => stream.resume() });
}

const ways = [
  'both end clean',
  'x aborts',
  'y aborts',
  'signal',
  'below a breaks',
  'below b breaks',
  'y never reads, x aborts',
  'y never reads, y aborts',
  'y never reads, signal',
] as const;
type Way = (typeof ways)[number];

interface Run {
  readonly x: Seen;
  readonly y: Seen;
  readonly outcome: PumpOutcome;
  readonly plans: { readonly x: Plan; readonly y: Plan };
}

async function run(a: Joint, b: Joint, way: Way, random: (below: number) => number): Promise<Run> {
  const stopper = new AbortController();
  const isStalled = way.startsWith('y never reads');
  const reason = new Error(way);
  const acts: Readonly<Record<Way, (() => void) | undefined>> = {
    'both end clean': undefined,
    'x aborts': () => a.outer.abort(reason),
    'y aborts': () => b.outer.abort(reason),
    signal: () => stopper.abort(reason),
    'below a breaks': () => a.breakBelow(),
    'below b breaks': () => b.breakBelow(),
    'y never reads, x aborts': () => a.outer.abort(reason),
    'y never reads, y aborts': () => b.outer.abort(reason),
    'y never reads, signal': () => stopper.abort(reason),
  };
  const act = acts[way];
  const bytesX = isStalled ? 64 << 20 : random(4) === 0 ? random(40) : random(300_000);
  const x: Plan = {
    bytes: bytesX,
    chunk: 1 + random(70_000),
    isReading: true,
    trailers: { 'sallyport-exit': `{"code":${random(256)}}` },
    ...(act === undefined
      ? {}
      : { trigger: { at: isStalled ? Infinity : random(bytesX + 1), onWait: isStalled, run: act } }),
  };
  const y: Plan = {
    bytes: isStalled ? 0 : random(300_000),
    chunk: 1 + random(70_000),
    isReading: !isStalled,
    trailers: {},
  };
  const pumped = pump(a.inner, b.inner, { signal: stopper.signal });
  const playedY = play(b.outer, y);
  const playedX = play(a.outer, x);
  const outcome = await pumped;
  playedY.read();
  return { x: await playedX, y: await playedY, outcome, plans: { x, y } };
}

/** An end that one side saw must be the whole of what the other side ended. */
function assertNoCutSeenAsEnd(saw: Seen, other: Seen, plan: Plan, haveTrailers: boolean): void {
  assert.ok(saw.isFaithful, 'bytes arrive as they were sent');
  assert.ok(saw.received <= plan.bytes);
  if (saw.end.how === 'cut') return;
  assert.ok(other.hasEndedClean, 'a clean end was seen that nobody made');
  assert.equal(saw.received, plan.bytes, 'a clean end with bytes missing');
  if (haveTrailers) assert.deepEqual(saw.end.trailers, plan.trailers);
}

function check(result: Run, way: Way, kindA: Kind, kindB: Kind): void {
  const { x, y, outcome, plans } = result;
  const haveTrailers = kindA !== 'socket' && kindB !== 'socket';
  assertNoCutSeenAsEnd(y, x, plans.x, haveTrailers);
  assertNoCutSeenAsEnd(x, y, plans.y, haveTrailers);
  if (outcome.ended === 'clean') {
    assert.deepEqual([outcome.bytesAToB, outcome.bytesBToA], [plans.x.bytes, plans.y.bytes]);
  }
  if (way === 'both end clean') {
    assert.equal(outcome.ended, 'clean');
    assert.deepEqual([x.end.how, y.end.how, y.received], ['clean', 'clean', plans.x.bytes]);
    if (haveTrailers) assert.deepEqual(outcome.trailersFromA, plans.x.trailers);
  }
  if (way.endsWith('never reads, signal')) assert.deepEqual([outcome.ended, outcome.by], ['cut', 'signal']);
  if (way === 'y never reads, x aborts' || way === 'y never reads, y aborts') {
    assert.equal(outcome.ended, 'cut');
    assert.equal(y.end.how, 'cut');
  }
}

for (const kindA of kinds) {
  for (const kindB of kinds) {
    test(`no cut is seen as an end, nothing is left: ${kindA} to ${kindB} (LINK_SEED=${seed})`, async () => {
      const random = chance(seed + kinds.indexOf(kindA) * 10 + kinds.indexOf(kindB));
      for (let round = 0; round < rounds; round++) {
        for (const way of ways) {
          const a = await joints.make(kindA);
          const b = await joints.make(kindB);
          const result = await run(a, b, way, random);
          try {
            check(result, way, kindA, kindB);
          } catch (error) {
            throw new Error(`round ${round}, ${way}: ${describe(result)}`, { cause: error });
          }
        }
      }
      // Streams are told gone by the library one turn after their close.
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(joints.streamsLeft, 0);
    });
  }
}

function describe({ x, y, outcome, plans }: Run): string {
  return JSON.stringify({ x, y, outcome: { ...outcome, error: outcome.error?.message }, plans });
}

test('a pump leaves nothing attached to its signal', async () => {
  const stopper = new AbortController();
  let listeners = 0;
  const { signal } = stopper;
  const counted = Object.assign(Object.create(signal) as AbortSignal, {
    addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners += 1;
      signal.addEventListener(...args);
    },
    removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => {
      listeners -= 1;
      signal.removeEventListener(...args);
    },
  });
  Object.defineProperty(counted, 'aborted', { get: () => signal.aborted });
  const [a, b] = [await joints.make('socket'), await joints.make('h2 client')];
  const pumped = pump(a.inner, b.inner, { signal: counted });
  assert.equal(listeners, 1);
  for (const joint of [a, b]) {
    joint.outer.listen({ onData: () => undefined, onEnd: () => undefined });
    joint.outer.endClean();
  }
  assert.equal((await pumped).ended, 'clean');
  assert.equal(listeners, 0);
});

test('a pump that is told to stop before it starts cuts both sides', async () => {
  const [a, b] = [await joints.make('h2 server'), await joints.make('socket')];
  const outcome = await pump(a.inner, b.inner, { signal: AbortSignal.abort(new Error('locked')) });
  assert.deepEqual([outcome.ended, outcome.by, outcome.error?.message], ['cut', 'signal', 'locked']);
});
