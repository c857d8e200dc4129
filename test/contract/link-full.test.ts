// A link that carries all that it may, none of it read: what keeps its sessions alive still gets through.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { ClientSession } from '../../src/link/client-session.ts';
import { openLinkClient, serveLink } from '../../src/link/session.ts';
import { makeCredentials, tlsPair } from './link-ends.ts';

const atOnce = 100;

/** A gate's end; the agent at the other answers leases, and hands what it opens to `onChannel`. */
async function linkTo(t: TestContext, onChannel: (stream: ByteStream) => void): Promise<ClientSession> {
  const pair = await tlsPair(await makeCredentials());
  const served = serveLink(pair.dialled, (request) => {
    if (request.path === '/lease') return request.reply('taken');
    onChannel(request.accept());
  });
  const link = openLinkClient(pair.accepted);
  t.after(() => {
    link.abort();
    served.abort();
  });
  await link.ask({ path: '/lease', body: 'first' });
  return link;
}

/** Nobody listens to what comes. */
async function openMany(link: ClientSession, count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) assert.equal((await link.request({ path: '/channels/tcp' })).status, 200);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function lease(link: ClientSession): Promise<string> {
  return (await link.ask({ path: '/lease', body: 'next' })).body.toString();
}

test('L12 a link with as many channels as it may carry takes a lease, and not one channel more', async (t) => {
  const link = await linkTo(t, () => undefined);
  await openMany(link, limits.channelsPerLinkMax);
  assert.equal(await lease(link), 'taken');
  await assert.rejects(link.request({ path: '/channels/tcp' }), /already carries \d+ channels/);
});

test('L12 a link whose channels are not read, and hold all that they may, takes a lease and one more channel', async (t) => {
  // What a busy service hands over in one piece, and what such a link may hold in all before Node's own
  // bound for one connection would be reached several times.
  const piece = Buffer.alloc(256 * 1024);
  const count = Math.ceil((2 * limits.sessionMemoryMib * 2 ** 20) / piece.length);
  const link = await linkTo(t, (stream) => {
    while (stream.write(piece));
  });
  await openMany(link, count);
  assert.equal(await lease(link), 'taken');
  assert.equal((await link.request({ path: '/channels/tcp' })).status, 200);
});
