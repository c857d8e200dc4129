// The public port: who is let in, for how long, and where he is sent.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { runGate, type Gate } from '../../src/gate/assemble.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { clientHelloBytes } from '../doubles/client-hello-bytes.ts';
import type { FakeAuthority } from '../doubles/fake-authority.ts';
import { startPeer } from '../doubles/gate-load.ts';
import { dial, fate, sessionId } from '../doubles/gate-peers.ts';
import { echo, startGate, type GateWorld } from '../doubles/gate-world.ts';
import type { LinkBody } from '../../src/wire/control.ts';
import { createTestCa } from '../doubles/test-ca.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';

const patient = { gateCutOffAfterMs: 1_000_000 };

async function clocked(t: TestContext): Promise<{ readonly world: GateWorld; readonly clock: ManualClock }> {
  const clock = new ManualClock({ now: Date.now() });
  return { clock, world: await startGate(t, { clock, bounds: patient }) };
}

/** A bare TCP connection, and how it ended. */
async function raw(world: GateWorld): Promise<{ readonly socket: Socket; readonly over: Promise<void> }> {
  const socket = connect({ port: world.gate.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  const over = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  // Nobody reads otherwise, and the end would not show; with half-open, we end too when the gate does.
  socket.on('end', () => socket.end());
  await once(socket, 'connect');
  return { socket, over };
}

/** Lets the sockets' events happen until the gate has set a timer more than there were. */
async function moreTimers(clock: ManualClock, before: number): Promise<void> {
  while (clock.pendingTimers <= before) await turn();
}

void test('L1 garbage, a foreign name and a hello that is too long are closed without a byte', async (t) => {
  const world = await startGate(t);
  const hostile: readonly Buffer[] = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('SSH-2.0-x\r\n'),
    Buffer.from('16030100040100ffff', 'hex'),
    clientHelloBytes({ ALPNProtocols: ['ssh'] }),
    clientHelloBytes({ servername: 'other.example', ALPNProtocols: ['h2'] }),
  ];
  for (const bytes of hostile) {
    const { socket, over } = await raw(world);
    let received = 0;
    socket.on('data', (data) => (received += data.length));
    socket.write(bytes);
    await over;
    assert.equal(received, 0);
  }
  assert.equal(world.authority.api.length, 0);
  await world.authority.until(() => world.authority.toldOf('/gate/refusals').length === hostile.length);
  assert.deepEqual(
    world.authority.toldOf('/gate/refusals').map(({ door, fault }) => `${String(door)} ${String(fault)}`),
    ['hello', 'hello', 'hello', 'no_such_name', 'no_such_name'].map((fault) => `front ${fault}`),
  );
});

void test('L1 a link whose hello comes byte by byte is served like any other', async (t) => {
  const world = await startGate(t);
  const { socket } = await raw(world);
  socket.setNoDelay(true);
  const answered = once(socket, 'data');
  for (const byte of clientHelloBytes({ ALPNProtocols: ['sallyport-link'] })) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
  const [answer] = (await answered) as [Buffer];
  assert.equal(answer[0], 0x16, 'a ServerHello');
  socket.destroy();
});

void test('L17 a PROXY line from outside reaches nobody', async (t) => {
  const world = await startGate(t);
  const { socket, over } = await raw(world);
  socket.write('PROXY TCP4 10.9.9.9 10.0.0.1 1 443\r\n');
  socket.write(clientHelloBytes({ ALPNProtocols: ['sallyport-api'] }));
  await over;
  assert.equal(world.authority.api.length + world.authority.apiMtls.length, 0);
});

void test('L2 a stall before, in and after the hello is closed at its deadline', async (t) => {
  const { world, clock } = await clocked(t);
  const link = clientHelloBytes({ ALPNProtocols: ['sallyport-link'] });
  const api = clientHelloBytes({ ALPNProtocols: ['sallyport-api'] });
  const stages: readonly [string, Uint8Array, number][] = [
    ['nothing at all', new Uint8Array(), 5_000],
    ['half a hello', link.subarray(0, 100), 5_000],
    ['a hello, then silence, at the gate’s TLS', link, 10_000],
    ['a hello, then silence, at the authority’s', api, 10_000],
  ];
  for (const [stage, bytes, deadlineMs] of stages) {
    const before = clock.pendingTimers;
    const { socket, over } = await raw(world);
    socket.resume();
    await moreTimers(clock, before);
    if (bytes.length > 0) socket.write(bytes);
    if (bytes === link) await once(socket, 'data');
    if (bytes === api) await world.authority.until(() => world.authority.apiMtls.length > 0);
    clock.advance(deadlineMs - 1);
    await turn();
    assert.equal(socket.closed, false, stage);
    clock.advance(1);
    await over;
  }
});

void test('L2 TLS without a request, and a link without a hello, are closed at their deadline', async (t) => {
  const { world, clock } = await clocked(t);
  const common = { ca: world.ca, port: world.gate.port };
  for (const [alpn, leaf] of [
    ['sallyport-channel', world.human],
    ['sallyport-link', world.device],
  ] as const) {
    const socket = await dial({ ...common, alpn, leaf });
    socket.resume();
    const closed = once(socket, 'close');
    // The gate's own first frame: it has taken the connection, and its deadline runs.
    await once(socket, 'data');
    clock.advance(10_000);
    await closed;
  }
});

void test('L2 strangers from one address are bounded, who has shown himself does not count', async (t) => {
  const world = await startGate(t, { bounds: { unauthenticatedConnectionsPerAddressMax: 2 } });
  await world.agent();
  await world.operator();
  const inside = [await raw(world), await raw(world)];
  const third = await raw(world);
  third.socket.resume();
  await third.over;
  inside[0]?.socket.destroy();
  await inside[0]?.over;
  // The gate hears of the free place in its own time; whoever is refused until then dials again.
  let agent: Awaited<ReturnType<typeof world.agent>> | undefined;
  while (agent === undefined) agent = await world.agent().catch(ignoreReset);
  assert.ok(agent.link.startsWith('lnk_'));
});

function ignoreReset(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ECONNRESET') throw error;
}

const doors = { 'sallyport-api': 'apiMtls', 'sallyport-public': 'api', 'http/1.1': 'web' } as const;

void test('L2 who leaves in the middle of a TLS handshake gives his place back at once', async (t) => {
  const world = await startGate(t, { bounds: { unauthenticatedConnectionsPerAddressMax: 1 } });
  for (const alpn of ['sallyport-api', 'sallyport-public', 'http/1.1'] as const) {
    const inside = world.authority[doors[alpn]];
    for (let round = 1; round <= 3; round += 1) {
      const { socket, over } = await raw(world);
      socket.write(clientHelloBytes({ ALPNProtocols: [alpn] }));
      await world.authority.until(() => inside.length === round);
      inside.at(-1)?.resume().write('the server’s turn');
      await once(socket, 'data');
      socket.end();
      await over;
      await world.authority.until(() => inside.at(-1)?.readableEnded === true);
    }
  }
});

void test('L4 the wrong kind, no or a foreign certificate, TLS 1.2: refused on every end of the gate', async (t) => {
  const world = await startGate(t);
  const foreign = await createTestCa();
  const { ca } = world;
  const common = { ca, port: world.gate.port };
  const refused: readonly [string, Parameters<typeof fate>[0]][] = [
    ['human on the link', { ...common, alpn: 'sallyport-link', leaf: world.human }],
    ['device on the channel', { ...common, alpn: 'sallyport-channel', leaf: world.device }],
    ['gate on the link', { ...common, alpn: 'sallyport-link', leaf: await ca.leaf('gate', 'gate-1') }],
    ['authority', { ...common, alpn: 'sallyport-channel', leaf: await ca.leaf('authority', 'a') }],
    ['no certificate', { ...common, alpn: 'sallyport-link' }],
    ['foreign', { ...common, alpn: 'sallyport-link', leaf: await foreign.leaf('device', 'dev-1') }],
    ['L5 signed by a leaf', { ...common, alpn: 'sallyport-link', leaf: await ca.leafOfLeaf('device', 'd') }],
    [
      'expired',
      {
        ...common,
        alpn: 'sallyport-channel',
        leaf: await ca.leaf('human', 'ann', { notAfter: new Date(Date.now() - 60_000) }),
      },
    ],
    ['TLS 1.2', { ...common, alpn: 'sallyport-link', leaf: world.device, more: { maxVersion: 'TLSv1.2' } }],
  ];
  for (const [name, options] of refused) {
    const end = await fate(options);
    assert.match(end, /closed|ECONNRESET|ERR_SSL|EPROTO/, name);
  }
  assert.deepEqual(world.authority.toldOf('/gate/links'), []);
  const told = (): readonly string[] =>
    world.authority.toldOf('/gate/refusals').map(({ door, fault }) => `${String(door)} ${String(fault)}`);
  await world.authority.until(() => told().length === refused.length);
  assert.deepEqual(told(), [
    'link wrong_kind',
    'channel wrong_kind',
    'link wrong_kind',
    'channel wrong_kind',
    'link no_certificate',
    'link CERT_SIGNATURE_FAILURE',
    'link DEPTH_ZERO_SELF_SIGNED_CERT',
    'channel CERT_HAS_EXPIRED',
    'link ERR_SSL_UNSUPPORTED_PROTOCOL',
  ]);
  for (const kind of ['machine', 'ai_agent']) {
    const socket = await dial({ ...common, alpn: 'sallyport-channel', leaf: await ca.leaf(kind, 'x') });
    const [settings] = (await once(socket, 'data')) as [Buffer];
    assert.equal(settings[3], 4, `${kind}: the gate begins HTTP/2 with its SETTINGS`);
    socket.destroy();
  }
});

void test('the gate shows its whole chain and a name of kind gate', async (t) => {
  const world = await startGate(t);
  const socket = await dial({
    ca: world.ca,
    port: world.gate.port,
    alpn: 'sallyport-link',
    leaf: world.device,
  });
  const leaf = socket.getPeerCertificate(true);
  assert.equal(leaf.subjectaltname, 'URI:spiffe://test.example/test/gate/gate-1');
  const root = leaf.issuerCertificate.issuerCertificate;
  assert.equal(root.fingerprint256, root.issuerCertificate.fingerprint256);
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  socket.destroy();
});

void test('the api’s connections arrive raw, behind one PROXY line, with half-close kept', async (t) => {
  const world = await startGate(t);
  const hellos: readonly [Buffer, 'api' | 'apiMtls' | 'web'][] = [
    [clientHelloBytes({ ALPNProtocols: ['sallyport-api'] }), 'apiMtls'],
    [clientHelloBytes({ ALPNProtocols: ['sallyport-public'] }), 'api'],
    [clientHelloBytes({ ALPNProtocols: ['http/1.1'] }), 'web'],
    [clientHelloBytes({ servername: 'broker.example' }), 'web'],
  ];
  for (const [hello, end] of hellos) {
    const before = world.authority[end].length;
    const { socket } = await raw(world);
    socket.write(hello);
    await world.authority.until(() => world.authority[end].length > before);
    const api = world.authority[end][before];
    assert.ok(api !== undefined);
    api.write('its turn');
    await once(socket, 'data');
    socket.end('and ours');
    const chunks: Buffer[] = [];
    for await (const chunk of api as AsyncIterable<Buffer>) chunks.push(chunk);
    const { address, port } = socket.address() as { address: string; port: number };
    const line = `PROXY TCP4 ${address} 127.0.0.1 ${port} ${world.gate.port}\r\n`;
    assert.deepEqual(
      Buffer.concat(chunks),
      Buffer.concat([Buffer.from(line), hello, Buffer.from('and ours')]),
    );
    // The client's end came through; the answer still goes the other way.
    api.end('answer');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer.toString(), 'answer');
  }
});

void test('L16 a peer that breaks off at any point hurts nobody else', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({ onChannel: echo });
  world.allow(agent.link);
  const { ca, human, device } = world;
  const common = { ca, port: world.gate.port };
  const link = clientHelloBytes({ ALPNProtocols: ['sallyport-link'] });
  const points: readonly (() => Promise<Socket>)[] = [
    async () => (await raw(world)).socket,
    async () => written(await raw(world), link.subarray(0, 40)),
    async () => written(await raw(world), link),
    async () => written(await raw(world), clientHelloBytes({ ALPNProtocols: ['sallyport-api'] })),
    async () => await dial({ ...common, alpn: 'sallyport-channel', leaf: human }),
    async () => await dial({ ...common, alpn: 'sallyport-link', leaf: device }),
    async () => (await world.operator()).socket,
    async () => {
      const operator = await world.operator();
      operator.open(sessionId(90)).catch(() => undefined);
      return operator.socket;
    },
    async () => {
      const operator = await world.operator();
      await operator.open(sessionId(91));
      return operator.socket;
    },
    async () => (await world.agent()).socket,
  ];
  const operator = await world.operator();
  const { stream } = await operator.open(sessionId(1));
  let back: () => void = () => undefined;
  let isHurt = false;
  stream.listen({ onData: () => back(), onEnd: () => (isHurt = true) });
  for (const reach of points) {
    for (const breakOff of ['destroy', 'reset'] as const) {
      const socket = await reach();
      socket.on('error', () => undefined);
      if (breakOff === 'reset' && !('encrypted' in socket)) socket.resetAndDestroy();
      else socket.destroy();
      await new Promise<void>((resolve) => {
        back = resolve;
        stream.write(Buffer.from('still here'));
      });
    }
  }
  assert.equal(isHurt, false);
});

function written({ socket }: { readonly socket: Socket }, bytes: Uint8Array): Socket {
  socket.write(bytes);
  return socket;
}

void test('L18 a storm of reconnects is gated; a live session goes on within its bounds', async (t) => {
  const links = 300;
  const world = await startGate(t, {
    bounds: { linkHandshakesMax: 8, unauthenticatedConnectionsPerAddressMax: 1_000 },
  });
  const { authority, ca, gate } = world;
  const live = await world.agent({ onChannel: echo });
  world.allow(live.link);
  const operator = await world.operator();
  const { stream } = await operator.open(sessionId(1));
  let most = 0;
  let underWay = 0;
  const accepted = authority.answers.link(await Promise.resolve({ link: 'x' } as LinkBody));
  authority.answers.link = async () => {
    most = Math.max(most, ++underWay);
    await turn();
    underWay--;
    return await accepted;
  };
  const waits: number[] = [];
  let sentAt = 0;
  const send = (): void => {
    sentAt = performance.now();
    stream.write(Buffer.from('x'));
  };
  stream.listen({
    onData() {
      waits.push(performance.now() - sentAt);
      send();
    },
    onEnd: () => undefined,
  });
  send();
  const { key, cert } = world.device;
  const storm = startPeer({
    role: 'storm',
    port: gate.port,
    root: ca.root,
    leaf: { key, cert },
    streams: links,
  });
  await storm.ready;
  assert.equal(authority.toldOf('/gate/links').length, links + 1);
  const slowest = waits.toSorted((a, b) => a - b);
  const p99 = slowest.at(Math.floor(slowest.length * 0.99)) ?? Infinity;
  const all = `${links} links, at most ${most} asked about at once; ${waits.length} echoes`;
  t.diagnostic(`${all}, p99 ${p99.toFixed(1)} ms, worst ${slowest.at(-1)?.toFixed(1)} ms`);
  assert.ok(most <= 8, `${most} handshakes at once`);
  // 5 ms on a quiet machine; the other tests may keep this one busy.
  assert.ok(p99 <= 500, `${p99} ms`);
  storm.stop();
});

function startAnother(authority: FakeAuthority, port: number): Promise<Gate> {
  return runGate({
    ...authority.sockets,
    listen: { host: '127.0.0.1', port },
    gateName: 'gate-2',
    version: '0.1.0',
    clock: new ManualClock({ now: Date.now() }),
    random: systemRandom,
    log: silentLog,
  });
}

void test('a taken port is told in words', async (t) => {
  const world = await startGate(t);
  await assert.rejects(startAnother(world.authority, world.gate.port), (error) => {
    assert.ok(error instanceof SallyportError);
    assert.match(error.message, /the port "127\.0\.0\.1:\d+" is taken by another program/);
    return true;
  });
});

void test('an authority of another version refuses the gate in words, and no port is opened', async (t) => {
  const { authority } = await startGate(t);
  authority.answers.register = () => {
    throw new SallyportError('version_unsupported', 'gate speaks 1, authority 2', { next: 'install' });
  };
  await assert.rejects(startAnother(authority, 0), {
    message: 'gate speaks 1, authority 2',
    next: 'install',
  });
});

void test('a gate that is told to stop while it waits for its authority stops', async (t) => {
  const { authority } = await startGate(t);
  authority.stop();
  const told = new AbortController();
  const starting = runGate({
    ...authority.sockets,
    listen: { host: '127.0.0.1', port: 0 },
    gateName: 'gate-2',
    version: '0.1.0',
    clock: new ManualClock({ now: Date.now() }),
    random: systemRandom,
    log: silentLog,
    signal: told.signal,
  });
  const refused = assert.rejects(starting, { code: 'unavailable' });
  await turn();
  told.abort();
  await refused;
});
