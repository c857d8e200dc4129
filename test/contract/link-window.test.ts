// Windows that follow the path, on a real session through a relay that makes the path long.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, type Settings } from 'node:http2';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import { serveLink } from '../../src/link/session.ts';
import { makeCredentials, tlsPair } from './link-ends.ts';

// So long that the first window is what holds the sender back (5 MiB/s), on however slow a machine.
const oneWayMs = 100;
const mib = 1024 * 1024;

/** Passes everything on after `oneWayMs`, in both directions; answers the port to dial instead. */
async function longWay(port: number): Promise<number> {
  const relay = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port });
    passOn(near, far);
    passOn(far, near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  after(() => relay.close());
  return (relay.address() as AddressInfo).port;
}

function passOn(from: Socket, to: Socket): void {
  from.on('data', (bytes) => setTimeout(() => to.write(bytes), oneWayMs));
  from.on('error', () => to.destroy());
  from.on('close', () => setTimeout(() => to.destroy(), oneWayMs));
}

test('a sender on a long path is let send further ahead while it does, and what it sent arrives', async (t) => {
  const pair = await tlsPair(await makeCredentials(), longWay);
  // Also where an assertion fails: an open socket would keep this process for ever.
  t.after(() => {
    pair.dialled.destroy();
    pair.accepted.destroy();
  });
  let received = 0;
  const agent = serveLink(pair.dialled, (request) => {
    const stream = request.accept();
    stream.listen({
      onData: (chunk) => {
        received += chunk.length;
      },
      onEnd: () => stream.endClean(),
    });
  });
  const session = connectHttp2('http://peer', { createConnection: () => pair.accepted });
  session.on('error', () => undefined);
  const windows: number[] = [];
  session.on('remoteSettings', ({ initialWindowSize }: Settings) => windows.push(initialWindowSize ?? 0));
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
  stream.resume();
  const block = Buffer.alloc(256 * 1024);
  const startedAt = performance.now();
  // Longer where the machine is so busy that the path's own round trip does not show for a while.
  const mayGoOn = (): boolean => windows.length < 2 && performance.now() - startedAt < 60_000;
  let total = 0;
  for (; total < 96 * mib || mayGoOn(); total += block.length) {
    if (!stream.write(block)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'end');
  assert.equal(received, total);
  assert.equal(windows[0], limits.streamWindowBytes);
  // What this machine carried in one round trip, on average: a first window of 1 MiB alone allows no more.
  const carried = (total / (performance.now() - startedAt)) * 2 * oneWayMs;
  assert.ok((windows.at(-1) ?? 0) >= carried, `${windows.join(' ')} for ${Math.round(carried)} a round trip`);
  assert.ok(windows.length > 1, 'it rises');
  assert.deepEqual(
    windows.toSorted((one, other) => one - other),
    windows,
    'it only rises',
  );
  session.destroy();
  await agent.closed;
});
