// Hostile and vanished peers on a session: it is closed, the process lives, other sessions go on.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { ByteStream, InboundEnd } from '../../src/link/byte-stream.ts';
import { pump } from '../../src/link/pump.ts';
import type { Handler, ServedSession } from '../../src/link/served-session.ts';
import { openChannelClient, openLinkClient, serveChannels, serveLink } from '../../src/link/session.ts';
import type { SessionEnd } from '../../src/link/session-life.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { makeCredentials, tlsPair, type Credentials } from './link-ends.ts';
import { Joints } from './link-joints.ts';
import { flag, frame, postHead, RawPeer, setting, u32, field, type Frame } from './raw-http2.ts';

let credentials: Credentials;
let neighbour: Awaited<ReturnType<typeof goodNeighbour>>;
before(async () => {
  credentials = await makeCredentials();
  neighbour = await goodNeighbour();
});
after(async () => {
  neighbour.client.abort();
  await neighbour.served.closed;
});

/** Another session of the same process, asked after every attack. */
async function goodNeighbour() {
  const pair = await tlsPair(credentials);
  const served = serveChannels(pair.accepted, (request) => request.reply('alive'));
  return { served, client: openChannelClient(pair.dialled) };
}

async function assertOthersLive(): Promise<void> {
  assert.equal((await neighbour.client.ask({ path: '/' })).body.toString(), 'alive');
}

async function attacked(handler: Handler = (request) => void request.accept()): Promise<{
  readonly peer: RawPeer;
  readonly served: ServedSession;
}> {
  const pair = await tlsPair(credentials);
  const served = serveChannels(pair.accepted, handler);
  return { peer: new RawPeer(pair.dialled), served };
}

/** Attacked, with a promise for the request with this number, from 1. */
async function attackedUntil(count: number) {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  let requests = 0;
  const { peer, served } = await attacked((request) => {
    request.accept();
    if (++requests === count) resolve();
  });
  return { peer, served, arrived };
}

async function assertClosed(
  { peer, served }: { peer: RawPeer; served: ServedSession },
  ...reasons: readonly SessionEnd['reason'][]
): Promise<void> {
  const end = await served.closed;
  assert.ok(reasons.includes(end.reason), `${end.reason}: ${end.error?.message}`);
  await peer.closed;
  assert.equal(served.openStreams, 0);
  await assertOthersLive();
}

function head(round: number): Frame {
  return { type: frame.headers, flags: flag.endHeaders, stream: round * 2 + 1, payload: postHead };
}

function resetOf(stream: number): Frame {
  return { type: frame.rstStream, stream, payload: u32(8) };
}

test('L13 rapid reset closes the session when its budget is used up', async () => {
  const { peer, served } = await attacked();
  peer.begin();
  await peer.flood((round) => {
    const opens = Array.from({ length: 100 }, (_, at) => round * 100 + at);
    return opens.flatMap((at) => [head(at), resetOf(at * 2 + 1)]);
  }, limits.streamResetBurst);
  await assertClosed({ peer, served }, 'flood');
});

test('L13 as many resets as the budget has are let through', async () => {
  const { peer, served, arrived } = await attackedUntil(limits.streamResetBurst + 1);
  peer.begin();
  let at = 0;
  while (at < limits.streamResetBurst) {
    const opens = Array.from({ length: 100 }, () => at++);
    peer.send(...opens.flatMap((open) => [head(open), resetOf(open * 2 + 1)]));
  }
  peer.send(head(at));
  await arrived;
  assert.ok(served.isOpen);
  served.abort();
  await peer.closed;
  await assertOthersLive();
});

test('L13 a CONTINUATION flood closes the session', async () => {
  const { peer, served } = await attacked();
  peer.begin();
  peer.send({ type: frame.headers, stream: 1, payload: postHead });
  await peer.flood(
    (round) => [{ type: frame.continuation, stream: 1, payload: field(`x-${round}`, 'y'.repeat(100)) }],
    20_000,
  );
  await assertClosed({ peer, served }, 'protocol');
});

test('L13 a header block beyond its limit is refused and its session lives', async () => {
  const { peer, served, arrived } = await attackedUntil(1);
  peer.begin();
  const fields = Array.from({ length: 60 }, (_, at) => field(`x-${at}`, 'y'.repeat(120)));
  const block = Buffer.concat([postHead, ...fields, ...fields, ...fields]);
  peer.send({ type: frame.headers, stream: 1, payload: block.subarray(0, 16_384) });
  peer.send({
    type: frame.continuation,
    flags: flag.endHeaders,
    stream: 1,
    payload: block.subarray(16_384),
  });
  peer.send(head(1));
  await arrived;
  assert.ok(served.isOpen);
  served.abort();
  await peer.closed;
  await assertOthersLive();
});

test('L13 a PING flood closes the session', async () => {
  const { peer, served } = await attacked();
  peer.begin();
  peer.send(head(0));
  await peer.flood(() => [{ type: frame.ping, payload: Buffer.alloc(8) }], 100_000);
  await assertClosed({ peer, served }, 'flood');
});

test('L13 a SETTINGS flood closes the session', async () => {
  const { peer, served } = await attacked();
  peer.begin();
  peer.send(head(0));
  await peer.flood((round) => [{ type: frame.settings, payload: setting(4, 1_000 + round) }], 100_000);
  await assertClosed({ peer, served }, 'flood');
});

test('L13 frames that HTTP/2 forbids close the session', async () => {
  const forbidden: readonly Frame[] = [
    { type: frame.data, stream: 0, payload: Buffer.from('x') },
    { type: frame.windowUpdate, payload: u32(0) },
    { type: frame.continuation, stream: 1, payload: Buffer.from('x') },
    { type: frame.settings, payload: Buffer.alloc(5) },
  ];
  for (const bad of forbidden) {
    const { peer, served } = await attacked();
    peer.begin();
    peer.send(head(0), bad);
    await assertClosed({ peer, served }, 'protocol');
  }
});

test('L13 what is not HTTP/2 closes the session', async () => {
  const pair = await tlsPair(credentials);
  const served = serveChannels(pair.accepted, () => undefined);
  const peer = new RawPeer(pair.dialled);
  pair.dialled.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(4));
  await assertClosed({ peer, served }, 'protocol');
});

test('L13 a zero-window stall holds no more than a window, and whoever idles it out frees it', async () => {
  const joints = new Joints(credentials);
  const source = await joints.make('h2 client');
  let sent = 0;
  const writeOn = (): void => {
    do sent += 64 * 1024;
    while (source.outer.write(Buffer.alloc(64 * 1024)));
  };
  source.outer.listen({ onData: () => undefined, onEnd: () => undefined, onDrain: writeOn });

  const stopper = new AbortController();
  const pumped = Promise.withResolvers<Awaited<ReturnType<typeof pump>>>();
  const arrived = Promise.withResolvers<void>();
  const { peer, served } = await attacked(async (request) => {
    const stream = request.accept();
    arrived.resolve();
    pumped.resolve(await pump(stream, source.inner, { signal: stopper.signal }));
  });
  // SETTINGS_INITIAL_WINDOW_SIZE 0: not one byte may be sent to this peer.
  peer.begin(setting(4, 0));
  peer.send(head(0));
  await arrived.promise;
  writeOn();
  await assertOthersLive();
  stopper.abort(new Error('idle'));
  const outcome = await pumped.promise;
  assert.deepEqual([outcome.ended, outcome.by], ['cut', 'signal']);
  // The stream's window, and what Node's buffers on either side of the pump take in.
  assert.ok(sent <= limits.streamWindowBytes + 1024 * 1024, `${sent} bytes were taken in`);
  peer.send({ type: frame.ping, payload: Buffer.alloc(8) });
  await assertOthersLive();
  assert.ok(served.isOpen);
  served.abort();
  await peer.closed;
  await joints.close();
});

interface Relay {
  readonly port: number;
  /** From now on nothing is forwarded, either way, and nothing is closed. */
  swallow(): void;
  close(): void;
}

/** A TCP relay that can turn into a black hole. */
async function relayTo(port: number): Promise<Relay> {
  const sockets: Socket[] = [];
  let isSwallowing = false;
  const server = createServer((inbound) => {
    const outbound = connect(port, '127.0.0.1');
    sockets.push(inbound, outbound);
    const forward = (from: Socket, to: Socket): void => {
      from.on('data', (chunk: Buffer) => {
        if (!isSwallowing) to.write(chunk);
      });
      from.on('error', () => undefined);
    };
    forward(inbound, outbound);
    forward(outbound, inbound);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    swallow() {
      isSwallowing = true;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function endOf(stream: ByteStream): Promise<InboundEnd> {
  return new Promise((resolve) => stream.listen({ onData: () => undefined, onEnd: resolve }));
}

test('L14 a black-holed peer is noticed within 45 s on both sides, and everything is freed', async () => {
  const clock = new ManualClock();
  let relay: Relay | undefined;
  const pair = await tlsPair(credentials, async (port) => {
    relay = await relayTo(port);
    return relay.port;
  });
  const served = Promise.withResolvers<ByteStream>();
  const agent = serveLink(
    pair.dialled,
    (request) => (request.path === '/ask' ? request.reply('alive') : served.resolve(request.accept())),
    { clock },
  );
  const gate = openLinkClient(pair.accepted, { clock });
  const { stream } = await gate.request({ path: '/' });
  const [gateEnd, agentEnd] = [endOf(stream), endOf(await served.promise)];
  await gate.ask({ path: '/ask' });

  relay?.swallow();
  const block = Buffer.alloc(64 * 1024);
  while (stream.write(block));
  clock.advance(limits.peerDeadAfterMs);
  assert.deepEqual([(await gate.closed).reason, (await agent.closed).reason], ['dead', 'dead']);
  assert.deepEqual([(await gateEnd).how, (await agentEnd).how], ['cut', 'cut']);
  assert.deepEqual([gate.openStreams, agent.openStreams, clock.pendingTimers], [0, 0, 0]);
  assert.ok(pair.below.dialled.destroyed && pair.below.accepted.destroyed);
  relay?.close();
});

test('L14 a link that only answers pings is not dead', async () => {
  const clock = new ManualClock();
  const pair = await tlsPair(credentials);
  const agent = serveLink(pair.dialled, (request) => request.reply('alive'), { clock });
  const gate = openLinkClient(pair.accepted, { clock });
  for (let interval = 0; interval < 8; interval++) {
    // Time passes for both ends; the real round trip lets the pings and their answers through.
    await gate.ask({ path: '/' });
    clock.advance(limits.pingIntervalMs);
  }
  assert.ok(gate.isOpen && agent.isOpen);
  gate.abort();
  await agent.closed;
});

test('L16 a socket error at any moment of a request cuts that link and no other', async () => {
  const moments = [
    'connected',
    'asked',
    'arrived',
    'answered',
    'streaming',
    'half closed',
    'closing',
  ] as const;
  for (const broken of ['dialled', 'accepted'] as const) {
    for (const moment of moments) {
      const pair = await tlsPair(credentials);
      const reach = (now: (typeof moments)[number]): void => {
        if (now === moment) pair.below[broken].destroy(new Error('network gone'));
      };
      const agent = serveLink(pair.dialled, async (request) => {
        reach('arrived');
        const stream = request.accept();
        reach('answered');
        stream.write(Buffer.alloc(100_000));
        await endOf(stream);
      });
      const gate = openLinkClient(pair.accepted);
      reach('connected');
      const asked = gate.request({ path: '/' });
      reach('asked');
      const result = await asked.then(
        async ({ stream }) => {
          reach('streaming');
          stream.write(Buffer.alloc(100_000));
          stream.endClean();
          reach('half closed');
          if (moment === 'closing') void gate.close();
          reach('closing');
          return endOf(stream);
        },
        (error: unknown) => error,
      );
      const label = `${broken} at ${moment}`;
      assert.ok(result instanceof Error || (result as InboundEnd).how === 'cut', label);
      await Promise.all([gate.closed, agent.closed]);
      assert.deepEqual([gate.openStreams, agent.openStreams], [0, 0], label);
      await assertOthersLive();
    }
  }
});
