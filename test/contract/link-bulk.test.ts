// Bulk on a link: both directions at once, and readers that never read.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { ByteStream, InboundEnd } from '../../src/link/byte-stream.ts';
import { openLinkClient, serveLink } from '../../src/link/session.ts';
import { makeCredentials, tlsPair, type Credentials } from './link-ends.ts';

let credentials: Credentials;
before(async () => {
  credentials = await makeCredentials();
});

const block = Buffer.alloc(64 * 1024, 7);

/** Sends `bytes`, receives to the end. */
function exchange(stream: ByteStream, bytes: number): Promise<{ received: number; how: InboundEnd['how'] }> {
  return new Promise((resolve) => {
    let left = bytes;
    let received = 0;
    const write = (): void => {
      while (left > 0) {
        left -= block.length;
        if (!stream.write(block)) return;
      }
      stream.endClean();
    };
    stream.listen({
      onData(chunk) {
        received += chunk.length;
      },
      onEnd: ({ how }) => resolve({ received, how }),
      onDrain: write,
    });
    write();
  });
}

test('bulk in both directions on many streams does not stop the link', async () => {
  // More each way than the kernel holds: two ends that stopped reading while they write would wait for
  // each other here for ever.
  const [count, bytes] = [32, 4 << 20];
  const pair = await tlsPair(credentials);
  const served: Promise<{ received: number; how: string }>[] = [];
  const agent = serveLink(pair.dialled, (request) => {
    served.push(exchange(request.accept(), bytes));
  });
  const gate = openLinkClient(pair.accepted);
  after(() => gate.abort());
  const answers = await Promise.all(Array.from({ length: count }, () => gate.request({ path: '/' })));
  const asked = await Promise.all(answers.map(({ stream }) => exchange(stream, bytes)));
  for (const end of [...asked, ...(await Promise.all(served))]) {
    assert.deepEqual(end, { received: bytes, how: 'clean' });
  }
  await gate.close();
  await agent.closed;
});

test('L12 1,000 streams whose peer never reads hold at most their windows, and the link lives on', async () => {
  const count = 1_000;
  const pair = await tlsPair(credentials);
  const stalled: ByteStream[] = [];
  const agent = serveLink(pair.dialled, (request) => {
    if (request.path === '/ask') return request.reply('alive');
    // Writes until refused, and would go on for ever if it ever drained.
    const stream = request.accept();
    const write = (): void => {
      while (stream.write(block));
    };
    stream.listen({ onData: () => undefined, onEnd: () => undefined, onDrain: write });
    write();
  });
  const gate = openLinkClient(pair.accepted);
  after(() => gate.abort());
  const before = process.memoryUsage().rss;
  for (let opened = 0; opened < count; opened++) {
    stalled.push((await gate.request({ path: '/' })).stream);
  }
  for (let turn = 0; turn < 100; turn++) await gate.ask({ path: '/ask' });
  const grown = process.memoryUsage().rss - before;
  // Both ends live in this process: a window received on one, a chunk or two waiting on the other.
  const bound = count * (limits.streamWindowBytes + 4 * block.length);
  assert.ok(grown < bound, `${grown >> 20} MiB for ${count} streams`);
  assert.ok(gate.openStreams >= count);
  for (const stream of stalled) stream.abort(new Error('enough'));
  assert.equal((await gate.ask({ path: '/ask' })).body.toString(), 'alive');
  await gate.close();
  await agent.closed;
  assert.equal(agent.openStreams, 0);
});
