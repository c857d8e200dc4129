// Run as a child with --expose-gc by link-memory.test.ts: opens and cuts, or is refused, very many times
// on one link through a pump, and prints what memory did. argv: "aborts" | "refusals", count.
// An abort cuts one channel, so one stream on each of the two connections.

import { setImmediate as turn } from 'node:timers/promises';
import { SallyportError } from '../../src/core/errors.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import { pump } from '../../src/link/pump.ts';
import { serveSession } from '../../src/link/served-session.ts';
import { openChannelClient, openLinkClient } from '../../src/link/session.ts';
import { makeCredentials, tlsPair } from './link-ends.ts';
import { anyResets } from './link-joints.ts';

// A fifth of the time would go into stack traces that nobody reads.
Error.stackTraceLimit = 0;

const what = process.argv[2];
const total = Number(process.argv[3]);
const atOnce = 50;
const noise = 64 * 1024;
const idle = { onData: () => undefined, onEnd: () => undefined };
const resets = anyResets();

const credentials = await makeCredentials();
const [linkPair, channelPair] = [await tlsPair(credentials), await tlsPair(credentials)];
const outcomes = { clean: 0, cut: 0, refused: 0 };

// The agent of every other channel cuts it; the operator cuts the rest.
let arrivals = 0;
const agent = serveSession(linkPair.dialled, {
  resets,
  handler(request) {
    if (request.path === '/hello') return request.reply('hello');
    const stream = request.accept();
    stream.listen(idle);
    stream.write(Buffer.alloc(2_000));
    if (arrivals++ % 2 === 0) stream.abort(new Error('agent cuts'));
  },
});
const link = openLinkClient(linkPair.accepted);
const gate = serveSession(channelPair.accepted, {
  resets,
  async handler(request) {
    if (what === 'refusals') throw new SallyportError('denied', 'no policy permits this');
    const up = await link.request({ path: request.path });
    outcomes[(await pump(request.accept(), up.stream)).ended] += 1;
  },
});
const operator = openChannelClient(channelPair.dialled);

async function openOne(): Promise<void> {
  try {
    await operator.ask({ path: '/channels/exec', body: 'x' });
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    outcomes.refused += 1;
  }
}

async function cutOne(): Promise<void> {
  try {
    const { stream } = await operator.request({ path: '/channels/exec' });
    const closed = closeOf(stream);
    stream.write(Buffer.alloc(2_000));
    stream.abort(new Error('operator cuts'));
    await closed;
  } catch (error) {
    // The agent's cut may overtake the answer.
    if (!(error instanceof SallyportError && error.code === 'unavailable')) throw error;
  }
}

function closeOf(stream: ByteStream): Promise<void> {
  return new Promise((resolve) => stream.listen({ ...idle, onClose: () => resolve() }));
}

async function runMany(count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await (what === 'refusals' ? openOne() : cutOne());
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** What a closed handle held is let go by a later turn, and collected after that: until nothing more falls. */
async function settled(): Promise<{ heap: number; rss: number }> {
  let least = Infinity;
  for (;;) {
    for (let turns = 0; turns < 20; turns++) await turn();
    globalThis.gc?.();
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    const heap = heapUsed + external + arrayBuffers;
    if (heap > least - noise) return { heap: Math.min(heap, least), rss };
    least = heap;
  }
}

// A link on which nothing is asked would be closed as silent.
await link.ask({ path: '/hello' });
// The first part warms caches and compiled code up; memory is compared from there.
await runMany(total / 5);
const before = await settled();
await runMany((total * 4) / 5);
const after = await settled();
const streamsLeft = [agent, link, gate, operator].map((session) => session.openStreams);
const isAlive = [agent, link, gate, operator].every((session) => session.isOpen);
console.log(JSON.stringify({ before, after, streamsLeft, isAlive, outcomes }));
operator.abort();
link.abort();
await Promise.all([agent.closed, gate.closed]);
