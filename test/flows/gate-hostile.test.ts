// Peers with a good certificate and bad manners, at the public port: floods of frames, stalls, black
// holes, take-over of a link, and a version that nobody speaks.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { dial, sessionId } from '../doubles/gate-peers.ts';
import { echo, startGate, type GateWorld } from '../doubles/gate-world.ts';
import { emptyHead, endHeaders, frame, frameType, preface } from '../doubles/raw-http2.ts';

const settingsFrame = frame({ type: frameType.settings, stream: 0 });

/** Shows that a session of somebody else still answers. */
async function liveSession(world: GateWorld): Promise<() => Promise<void>> {
  const agent = await world.agent({ onChannel: echo });
  world.allow(agent.link);
  const operator = await world.operator();
  const { stream } = await operator.open(sessionId(1));
  let back: () => void = () => undefined;
  stream.listen({ onData: () => back(), onEnd: () => undefined });
  return () =>
    new Promise((resolve) => {
      back = resolve;
      stream.write(Buffer.from('x'));
    });
}

/** Writes until the gate closes the connection; how many pieces it took. */
async function pour(world: GateWorld, piece: (n: number) => Buffer, most: number): Promise<number> {
  const socket = await dial({
    ca: world.ca,
    port: world.gate.port,
    alpn: 'sallyport-channel',
    leaf: world.human,
  });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.write(Buffer.concat([preface, settingsFrame]));
  let poured = 0;
  while (!socket.destroyed && poured < most) {
    if (socket.write(piece(poured++))) continue;
    const drained = new Promise<void>((resolve) => {
      socket.once('drain', () => resolve());
    });
    await Promise.race([drained, closed]);
  }
  await closed;
  return poured;
}

const floods: readonly [string, (n: number) => Buffer, number][] = [
  ['PING', () => frame({ type: frameType.ping, stream: 0, payload: Buffer.alloc(8) }), 100_000],
  ['SETTINGS', () => settingsFrame, 100_000],
  [
    'rapid reset',
    (n) => {
      const stream = 2 * n + 1;
      const payload = Buffer.from([0, 0, 0, 8]);
      return Buffer.concat([
        frame({ type: frameType.headers, flags: endHeaders, stream, payload: emptyHead }),
        frame({ type: frameType.reset, stream, payload }),
      ]);
    },
    100_000,
  ],
  [
    'CONTINUATION',
    (n) =>
      n === 0
        ? frame({ type: frameType.headers, stream: 1, payload: emptyHead })
        : frame({ type: frameType.continuation, stream: 1, payload: Buffer.alloc(1_000, 0x83) }),
    10_000,
  ],
];
for (const [name, piece, most] of floods) {
  void test(`L13 a ${name} flood closes that connection, and hurts no other`, async (t) => {
    const world = await startGate(t);
    const lives = await liveSession(world);
    await pour(world, piece, most);
    await lives();
    // Nothing of it came further than the gate: one channel was asked for, by the other operator.
    assert.equal(world.authority.toldOf('/gate/channels').length, 1);
  });
}

void test('L13 an operator who never opens his window stalls only himself, and can be cut', async (t) => {
  const world = await startGate(t);
  const lives = await liveSession(world);
  let sent = 0;
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const { promise: stalled, resolve: isStalled } = Promise.withResolvers<void>();
  const chunk = Buffer.alloc(16_384);
  const agent = await world.agent({
    onChannel(stream: ByteStream) {
      stream.listen({
        onData: () => undefined,
        onEnd: () => undefined,
        onDrain: more,
        onClose: () => resolve(),
      });
      function more(): void {
        do sent += chunk.length;
        while (stream.write(chunk));
        if (sent >= 1024 * 1024) isStalled();
      }
      more();
    },
  });
  world.allow(agent.link);
  const operator = await world.operator();
  // Never listened to: its window stays as it is.
  await operator.open(sessionId(2));
  await stalled;
  await lives();
  assert.ok(sent < 8 * 1024 * 1024, `${sent} bytes were taken for an operator who reads nothing`);
  world.authority.order({ type: 'cut', sessions: [sessionId(2)], reason: 'lock' });
  await gone;
  await lives();
});

/** A wire that can go silent without a FIN, as a NAT does that forgot. */
async function wireTo(t: TestContext, port: number) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1' });
    sockets.push(near, far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (data) => void to.write(data));
      from.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    goSilent() {
      for (const socket of sockets) socket.removeAllListeners('data').pause();
    },
  };
}

void test('L14 an agent in a black hole is noticed within 45 s, and its sessions end', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: { gateCutOffAfterMs: 1_000_000 } });
  const wire = await wireTo(t, world.gate.port);
  const agent = await world.agent({ port: wire.port, onChannel: echo });
  world.allow(agent.link);
  const operator = await world.operator();
  await operator.open(sessionId(1));
  wire.goSilent();
  // In steps, with an answer to the operator between them: he must not be taken for dead with the agent.
  for (let ms = 0; ms < 45_000; ms += 5_000) {
    await assert.rejects(operator.client.ask({ path: '/nowhere' }));
    clock.advance(5_000);
  }
  const { authority } = world;
  await authority.until(() => authority.toldOf('/gate/links/closed').length === 1);
  await authority.until(() => authority.toldOf('/gate/sessions/ended').length === 1);
  assert.equal(authority.toldOf('/gate/links/closed')[0]?.['reason'], 'lost');
  assert.equal(authority.toldOf('/gate/sessions/ended')[0]?.['reason'], 'device_gone');
});

void test('L14 an operator in a black hole is noticed within 45 s, and his sessions end', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const bounds = { gateCutOffAfterMs: 1_000_000 };
  const world = await startGate(t, { clock, bounds });
  const lives = await liveSession(world);
  const wire = await wireTo(t, world.gate.port);
  const operator = await world.operator({ port: wire.port });
  await operator.open(sessionId(2));
  wire.goSilent();
  // In steps, with bytes of the others between them: they must not be taken for dead with him.
  const { authority } = world;
  for (let ms = 0; ms < 45_000; ms += 5_000) {
    await lives();
    clock.advance(5_000);
  }
  await authority.until(() => authority.toldOf('/gate/sessions/ended').length === 1);
  await lives();
  assert.equal(authority.toldOf('/gate/sessions/ended')[0]?.['session'], sessionId(2));
  assert.equal(authority.toldOf('/gate/sessions/ended')[0]?.['reason'], 'operator_gone');
  assert.deepEqual(authority.toldOf('/gate/links/closed'), []);
});

void test('L6 a second link of a device takes over at once, and the old streams die', async (t) => {
  const world = await startGate(t);
  const { authority } = world;
  const old = await world.agent({ onChannel: echo });
  world.allow(old.link);
  const operator = await world.operator();
  const { stream } = await operator.open(sessionId(1));
  const cut = new Promise<string>((resolve) => {
    stream.listen({ onData: () => undefined, onEnd: ({ how }) => resolve(how) });
  });
  const fresh = await world.agent({ onChannel: echo });
  authority.order({ type: 'closeLink', link: old.link, reason: 'superseded' });
  assert.equal(await cut, 'cut');
  await old.served.closed;
  await authority.until(() => authority.toldOf('/gate/links/closed').length === 1);
  assert.deepEqual(authority.toldOf('/gate/links/closed'), [{ link: old.link, reason: 'superseded' }]);
  await authority.until(() => authority.toldOf('/gate/sessions/ended').length === 1);
  assert.equal(authority.toldOf('/gate/sessions/ended')[0]?.['reason'], 'device_gone');
  world.allow(fresh.link);
  assert.equal((await operator.open(sessionId(2))).status, 200);
});

void test('leases go to their link, the newest when they come faster than they are taken', async (t) => {
  const world = await startGate(t);
  const { promise: free, resolve } = Promise.withResolvers<void>();
  const taken: string[] = [];
  const { promise: last, resolve: isLast } = Promise.withResolvers<void>();
  const agent = await world.agent({
    onRequest(request) {
      if (request.path !== '/lease') return false;
      void (async () => {
        const lease = (await request.readBody()).toString();
        taken.push(lease);
        await free;
        request.reply('');
        if (lease === 'lease.3') isLast();
      })();
      return true;
    },
  });
  for (let n = 1; n <= 3; n++) {
    world.authority.order({ type: 'lease', link: agent.link, lease: `lease.${n}` });
  }
  world.authority.order({ type: 'lease', link: 'lnk_unknown', lease: 'lease.x' });
  resolve();
  await last;
  assert.equal(taken.at(-1), 'lease.3');
  assert.equal(taken.includes('lease.x'), false);
});

void test('an agent that speaks another version ends with its own words in the log, unknown to the authority', async (t) => {
  const lines: string[] = [];
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const log = {
    debug() {},
    info() {},
    error() {},
    warn(fields: object, message: string) {
      lines.push(`${message} ${JSON.stringify(fields)}`);
      resolve();
    },
  };
  const world = await startGate(t, { log });
  const agent = world.agent({
    onRequest(request) {
      if (request.path !== '/hello') return false;
      throw new SallyportError('version_unsupported', 'this agent speaks version 9');
    },
  });
  agent.catch(() => undefined);
  await told;
  assert.match(lines.join('\n'), /this agent speaks version 9/);
  assert.deepEqual(world.authority.toldOf('/gate/links'), []);
});

void test('a link that the authority refuses is closed, and reports nothing', async (t) => {
  const world = await startGate(t);
  world.authority.answers.link = () => {
    throw new SallyportError('locked', 'a lock stands');
  };
  const socket = await dial({
    ca: world.ca,
    port: world.gate.port,
    alpn: 'sallyport-link',
    leaf: world.device,
  });
  const { serveLink } = await import('../../src/link/session.ts');
  const served = serveLink(socket, async (request) => {
    await request.readBody();
    assert.equal(request.path, '/hello');
    const hello = { version: 1, agentVersion: '1', linkNonce: 'n'.repeat(43), stateEpoch: 1, platform: 'x' };
    request.reply(JSON.stringify(hello));
  });
  assert.equal((await served.closed).reason, 'peer_closed');
  assert.deepEqual(world.authority.toldOf('/gate/links/closed'), []);
});

void test('the gate renews its certificate at a third of its life, and shows the new one', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: { gateCutOffAfterMs: 1_000_000_000 } });
  const options = { ca: world.ca, port: world.gate.port, alpn: 'sallyport-link', leaf: world.device };
  const first = (await dial(options)).getPeerCertificate().serialNumber;
  // The test CA's leaves live 26 hours.
  clock.advance((26 / 3) * 60 * 60_000 + 1_000);
  await world.authority.until(() => world.authority.toldOf('/gate/certificate').length === 1);
  let shown = first;
  while (shown === first) shown = (await dial(options)).getPeerCertificate().serialNumber;
  assert.notEqual(shown, first);
});
