// Forwards on a device, against real connections: the real agent in this process, a gate double at the other
// end of a real TLS link. What it dials and what it never dials, both directions with their own end, and
// what is left when a session ends (nothing).

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { dial, type BrokerPlace } from '../../src/agent/services/dial.ts';
import { OpenSockets } from '../../src/agent/services/open-sockets.ts';
import type { TcpParams } from '../../src/core/channel.ts';
import type { SallyportError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { parseAddress } from '../../src/link/address.ts';
import type { Answer } from '../../src/link/client-session.ts';
import { readReceipt, type Receipt } from '../../src/wire/receipt.ts';
import { verifyStatement } from '../../src/wire/signed.ts';
import { sessionName, startAgentWorld, type AgentWorld, type GateLink } from '../doubles/agent-world.ts';
import { codeOf } from '../doubles/refusal.ts';
import { answerWhole, startTarget, talk } from '../doubles/tcp-target.ts';

async function newLink(t: TestContext): Promise<{ readonly world: AgentWorld; readonly link: GateLink }> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  world.start();
  const link = await world.nextLink();
  await link.welcome();
  return { world, link };
}

async function nextReceipt(world: AgentWorld): Promise<Receipt> {
  const body = await world.nextTold('/v1/device/receipts');
  const key = createPublicKey(world.deviceKey);
  const verified = verifyStatement('receipt', String(body['receipt']), () => key);
  const receipt = verified.ok ? readReceipt(verified.payload) : undefined;
  assert.ok(receipt !== undefined);
  return receipt;
}

function to(host: string, port: number): TcpParams {
  return { kind: 'tcp', host, port };
}

const unreadCount = 100;
const restMs = 300;

const turn = async (): Promise<void> => await new Promise((resolve) => void setImmediate(resolve));

async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

test('L15 a client that ends its direction gets the whole reply, and both ends see a clean end', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t, answerWhole);
  const channel = await talk(await link.open(target.params));
  channel.stream.write(Buffer.from('x'));
  channel.stream.endClean();
  assert.deepEqual(await channel.ended, { text: 'whole:x', how: 'clean' });
  assert.equal((await channel.closed).outbound, 'clean');
  assert.equal(channel.peer, `127.0.0.1:${target.port}`);
});

test('L15 a target that ends its direction first still hears the rest', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t, (socket) => socket.end('first'));
  const channel = await talk(await link.open(target.params));
  assert.deepEqual(await channel.ended, { text: 'first', how: 'clean' });
  const socket = await target.next();
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  const over = new Promise((resolve) => socket.once('end', resolve));
  channel.stream.write(Buffer.alloc(200_000, 'y'));
  channel.stream.endClean();
  await over;
  assert.equal(Buffer.concat(heard).length, 200_000);
});

test('what a server says first waits for the channel, and every byte arrives', async (t) => {
  const { link } = await newLink(t);
  const body = Buffer.alloc(5_000_000, 'abcdefg');
  const target = await startTarget(t, (socket) => socket.end(body));
  const channel = await talk(await link.open(target.params));
  const { text, how } = await channel.ended;
  assert.equal(how, 'clean');
  assert.ok(text === body.toString('latin1'));
});

test('a target that resets is a cut, never an end; one that refuses is told in words', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t);
  const channel = await talk(await link.open(target.params));
  const socket = await target.next();
  socket.write('half');
  await channel.until(4);
  socket.resetAndDestroy();
  assert.deepEqual(await channel.ended, { text: 'half', how: 'cut' });

  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const free = (taken.address() as { port: number }).port;
  await new Promise((resolve) => taken.close(resolve));
  await assert.rejects(
    async () => talk(await link.open(to('127.0.0.1', free))),
    (error: SallyportError) =>
      error.code === 'service_failed' && /refused the connection/.test(error.message),
  );
});

test('an operator who cuts a channel resets the connection: the target sees no clean end', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t);
  const channel = await talk(await link.open(target.params));
  const socket = await target.next();
  socket.resume();
  const seen = Promise.withResolvers<string>();
  socket.once('end', () => seen.resolve('end'));
  socket.once('error', (error: NodeJS.ErrnoException) => seen.resolve(error.code ?? ''));
  channel.stream.abort(new Error('the operator leaves'));
  assert.equal(await seen.promise, 'ECONNRESET');
});

test('L8 a pass for one destination opens no other, and uses up no connection', async (t) => {
  const { link } = await newLink(t);
  const [a, b] = [await startTarget(t), await startTarget(t)];
  const other = JSON.stringify({ host: '127.0.0.1', kind: 'tcp', port: b.port });
  assert.equal(await codeOf(link.open(a.params, { params: other }).then(talk)), 'pass_params');
  assert.equal(await codeOf(link.open(a.params, { kind: 'exec' }).then(talk)), 'pass_kind');
  await talk(await link.open(a.params));
  assert.deepEqual([a.accepted, b.accepted], [1, 0]);
});

test('L10 what no policy opens is refused, and nothing is dialled', async (t) => {
  const { world, link } = await newLink(t);
  const broker = parseAddress(world.address);
  const refused: readonly (readonly [string, number])[] = [
    ['169.254.169.254', 80],
    ['169.254.1.1', 80],
    ['fe80::1', 80],
    ['fd00:ec2::254', 80],
    ['0.0.0.0', 80],
    ['::', 80],
    ['224.0.0.1', 80],
    ['ff02::1', 80],
    ['255.255.255.255', 80],
    ['64:ff9b::a9fe:a9fe', 80],
    // The broker's own port, at every address of the machine that it runs on.
    [broker.host, broker.port],
    ['localhost', broker.port],
    ['127.0.0.2', broker.port],
    ['::1', broker.port],
    ...ownAddresses().map((address) => [address, broker.port] as const),
  ];
  for (const [host, port] of refused) {
    assert.equal(
      await codeOf(link.open(to(host, port)).then(talk)),
      'destination_refused',
      `${host} ${port}`,
    );
  }
});

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80'));
}

test('L9 L10 a host in another spelling is no parameter at all: the pass is refused', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t);
  for (const host of [
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '010.0.0.1',
    '::ffff:127.0.0.1',
    '0:0:0:0:0:0:0:1',
    'LOCALHOST',
    '127.0.0.1.',
  ]) {
    assert.equal(await codeOf(link.open(to(host, target.port)).then(talk)), 'pass_params', host);
  }
  assert.equal(target.accepted, 0);
});

interface Resolved {
  readonly answers: readonly (readonly string[])[];
  readonly broker?: BrokerPlace;
}

/** Dials a name that the device's resolver answers like this, one answer after another. */
async function dialName(t: TestContext, params: TcpParams, resolved: Resolved): ReturnType<typeof dial> {
  const answers = [...resolved.answers];
  const sockets = new OpenSockets();
  t.after(() => sockets.destroyAll(new Error('the test is over')));
  return await dial(params, {
    broker: resolved.broker ?? { host: 'gate.example.com', port: 7443, address: '192.0.2.1' },
    sockets,
    signal: new AbortController().signal,
    resolve: () => Promise.resolve(answers.shift() ?? []),
  });
}

test('L10 a name that resolves to loopback, or to what no policy opens, is refused; also among good answers', async (t) => {
  const target = await startTarget(t);
  const cases: readonly (readonly string[])[] = [
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['192.0.2.7', '127.0.0.1'],
    ['169.254.169.254'],
    ['192.0.2.7', 'fe80::1'],
    ['fe80::1%eth0'],
    ['::ffff:a9fe:a9fe'],
  ];
  for (const answer of cases) {
    const dialled = dialName(t, to('rebinds.example', target.port), { answers: [answer] });
    assert.equal(await codeOf(dialled), 'destination_refused', answer.join());
  }
  assert.equal(target.accepted, 0);
});

test('L10 a name that becomes the broker is refused at its port, and a name that answers nothing is told', async (t) => {
  const broker = { host: '192.0.2.1', port: 7443, address: '192.0.2.1' };
  const dialled = dialName(t, to('broker.example', 7443), { answers: [['192.0.2.1']], broker });
  assert.equal(await codeOf(dialled), 'destination_refused');
  assert.equal(await codeOf(dialName(t, to('nobody.example', 80), { answers: [[]] })), 'service_failed');
});

test('L10 the address that was checked is the one that is dialled: a second answer is never asked for', async (t) => {
  const own = ownAddresses().find(
    (address) => address !== '::1' && !address.startsWith('127.') && !address.includes(':'),
  );
  if (own === undefined) return t.skip('this machine has no address but loopback');
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end('good'));
  await new Promise<void>((resolve) => server.listen(0, own, resolve));
  t.after(() => void server.close());
  const { port } = server.address() as { port: number };
  const { socket, peer } = await dialName(t, to('rebinds.example', port), {
    answers: [[own], ['127.0.0.1']],
  });
  assert.equal(peer, `${own}:${port}`);
  assert.equal(socket.remoteAddress, own);
});

test('loopback is there for who asks for it: by address, or as localhost', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t, answerWhole);
  for (const host of ['127.0.0.1', 'localhost']) {
    const channel = await talk(await link.open(to(host, target.port)));
    channel.stream.endClean();
    assert.deepEqual(await channel.ended, { text: 'whole:', how: 'clean' });
    assert.equal(channel.peer, `127.0.0.1:${target.port}`);
  }
});

test('a target that hangs is given up in time, with words, and its socket is gone', async () => {
  const sockets = new OpenSockets();
  // TEST-NET-1: nobody answers there; where the machine has no way at all, it says so at once.
  const dialled = dial(to('192.0.2.77', 9), {
    broker: { host: 'gate.example.com', port: 7443, address: '192.0.2.1' },
    sockets,
    signal: new AbortController().signal,
    timeoutMs: 150,
  });
  assert.equal(sockets.size, 0);
  assert.equal(await codeOf(dialled), 'service_failed');
  await untilTrue(() => sockets.size === 0);
});

test('an operator who leaves while the device dials leaves no socket', async () => {
  const sockets = new OpenSockets();
  const operator = new AbortController();
  const dialled = dial(to('192.0.2.77', 9), {
    broker: { host: 'gate.example.com', port: 7443, address: '192.0.2.1' },
    sockets,
    signal: operator.signal,
  });
  const code = codeOf(dialled);
  operator.abort();
  assert.equal(await code, 'service_failed');
  await untilTrue(() => sockets.size === 0);
});

test('R-046 a cut destroys both sockets within a second, and the receipt counts none', async (t) => {
  const { world, link } = await newLink(t);
  const target = await startTarget(t);
  const session = sessionName();
  const channels = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => talk(await link.open(target.params, { session, n }))),
  );
  await untilTrue(() => target.open.size === 20);
  const startedAt = performance.now();
  await link.lease([]);
  for (const channel of channels) assert.equal((await channel.ended).how, 'cut');
  await untilTrue(() => target.open.size === 0);
  assert.ok(performance.now() - startedAt < 1_000);
  const receipt = await nextReceipt(world);
  assert.deepEqual(
    [
      receipt.session,
      receipt.cause,
      receipt.method,
      receipt.processesLeft,
      receipt.socketsLeft,
      receipt.channels,
    ],
    [session, 'not_leased', 'nothing_started', 0, 0, 20],
  );
});

test('a session without a byte is idle, and its connections end with it', async (t) => {
  const { world, link } = await newLink(t);
  const target = await startTarget(t);
  const channel = await talk(await link.open(target.params, { pass: { idleMs: 300 } }));
  assert.equal((await channel.ended).how, 'cut');
  assert.equal((await nextReceipt(world)).cause, 'idle');
  await untilTrue(() => target.open.size === 0);
});

test('2,000 connections that are opened and aborted leave no stream, no socket and flat memory', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t, (socket) => void socket.write('hello'));
  const session = sessionName();
  let n = 0;
  const abortMany = async (count: number): Promise<void> => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const channel = await talk(await link.open(target.params, { session, n: n++ }));
        channel.stream.abort(new Error('aborted'));
        await channel.closed;
      }
    };
    await Promise.all(Array.from({ length: 50 }, lane));
    await untilTrue(() => target.open.size === 0 && link.client.openStreams === 0);
  };
  await abortMany(500);
  const before = await heldMib();
  await abortMany(2_000);
  const grown = (await heldMib()) - before;
  // One that was reset before the kernel gave it to the target was never accepted there.
  assert.ok(target.accepted > 2_000 && n === 2_500, `${target.accepted} accepted, ${n} opened`);
  // A kept stream is tens of KiB at each end.
  assert.ok(grown < 12, `${grown} MiB more`);
});

test('a reader that stalls holds a bounded part back, while eight others run', async (t) => {
  const { link } = await newLink(t);
  const total = 24 * 2 ** 20;
  const chunk = Buffer.alloc(64 * 1024);
  const target = await startTarget(t, (socket) => {
    let left = total;
    const pour = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!socket.write(chunk)) return void socket.once('drain', pour);
      }
      socket.end();
    };
    pour();
  });
  const session = sessionName();
  const stalled = await link.open(target.params, { session, n: 0 });
  const source = await target.next();
  const readers = Array.from({ length: 8 }, async (_, at) => {
    const { stream } = await link.open(target.params, { session, n: at + 1 });
    return await countOf(stream);
  });
  assert.deepEqual(
    await Promise.all(readers),
    Array.from({ length: 8 }, () => total),
  );
  // Windows, a kernel's buffers and half a megabyte each: far from all of it.
  assert.ok(
    source.bytesWritten - source.writableLength < 12 * 2 ** 20,
    `${source.bytesWritten} left the target`,
  );
  assert.equal(await countOf(stalled.stream), total);
});

function countOf(stream: Awaited<ReturnType<GateLink['open']>>['stream']): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    stream.listen({ onData: (chunk) => void (count += chunk.length), onEnd: () => resolve(count) });
    stream.endClean();
  });
}

test('L12 connections that nobody reads hold a bounded part each, and another session runs on', async (t) => {
  const { link } = await newLink(t);
  const chunk = Buffer.alloc(64 * 1024);
  const pouring = new Set<Socket>();
  const target = await startTarget(t, (socket) => {
    pouring.add(socket);
    const pour = (): void => {
      while (socket.write(chunk));
      socket.once('drain', pour);
    };
    pour();
  });
  const session = sessionName();
  const before = await heldMib();
  const opened = await Promise.all(
    Array.from({ length: unreadCount }, (_, n) => link.open(target.params, { session, n })),
  );
  assert.ok(opened.every(({ status }) => status === 200));
  await untilAtRest(() => [...pouring].reduce((sum, socket) => sum + socket.bytesWritten, 0));
  const quick = await startTarget(t, answerWhole);
  const startedAt = performance.now();
  const channel = await talk(await link.open(quick.params));
  channel.stream.endClean();
  assert.equal((await channel.ended).text, 'whole:');
  assert.ok(performance.now() - startedAt < 1_000);
  const each = ((await heldMib()) - before) / unreadCount;
  t.diagnostic(`${each.toFixed(2)} MiB for each unread connection, at both ends of the link together`);
  // A window of 1 MiB at the gate, half of it queued by the agent, each in pieces of larger reads.
  assert.ok(each < 5, `${each} MiB each`);
});

test('a session carries so many channels and no more: the next is refused, the others live', async (t) => {
  const { link } = await newLink(t);
  const target = await startTarget(t, answerWhole);
  const session = sessionName();
  const open = async (n: number): Promise<Answer> => await link.open(target.params, { session, n });
  const opened = await Promise.all(Array.from({ length: limits.channelsPerSessionMax }, (_, n) => open(n)));
  assert.equal(await codeOf(open(opened.length).then(talk)), 'rate_limited');
  const [first] = opened;
  assert.ok(first !== undefined);
  const channel = await talk(first);
  channel.stream.endClean();
  assert.equal((await channel.ended).text, 'whole:');
});

/** Memory that something still holds on to. Twice: what a closed handle held is let go by a later turn. */
async function heldMib(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + external + arrayBuffers) / 2 ** 20;
}

/** Looks now and then until two looks see the same. */
async function untilAtRest(look: () => number): Promise<void> {
  for (let seen = -1; seen !== look(); await pause(restMs)) seen = look();
}
