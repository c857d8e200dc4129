// The dial to the broker with real sockets: straight, and through a real CONNECT proxy that does each thing
// wrong that proxies do. No socket is left behind by any of it.

import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { after, before, test, type TestContext } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { apiRequest } from '../../src/link/api-client.ts';
import { dialBroker, type DialOptions } from '../../src/link/dial.ts';
import { parseProxy } from '../../src/link/outbound-proxy.ts';
import { serverKindCheck } from '../../src/wire/tls-peer.ts';
import { ConnectProxy, type ProxyBehaviour } from '../doubles/connect-proxy.ts';
import { createTestCa, type TestCa } from '../doubles/test-ca.ts';

let ca: TestCa;
let foreign: TestCa;
let broker: Server;
before(async () => {
  [ca, foreign] = await Promise.all([createTestCa(), createTestCa()]);
  broker = await startBroker(ca);
});
after(() => broker.close());

async function startBroker(own: TestCa): Promise<Server> {
  const { key, cert } = await own.leaf('authority', 'authority');
  const server = createTlsServer({ key, cert, ALPNProtocols: ['sallyport-public'] }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (question: Buffer) => {
      if (!question.toString().startsWith('GET ')) return void socket.end(question);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function toBroker(more: Partial<DialOptions> = {}): DialOptions {
  return {
    address: addressOf(broker),
    alpn: 'sallyport-public',
    tls: { ca: ca.root, checkServerIdentity: serverKindCheck('authority', ca.trustDomain) },
    ...more,
  };
}

async function proxyFor(t: TestContext, behaviour: ProxyBehaviour = {}): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.start(behaviour);
  t.after(() => proxy.close());
  return proxy;
}

async function echo(options: DialOptions): Promise<string> {
  const socket = await dialBroker(options);
  socket.write('hello');
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

test('straight, and through a proxy: the same TLS, end to end, with its bytes counted', async (t) => {
  assert.equal(await echo(toBroker()), 'hello');
  const proxy = await proxyFor(t);
  const options = toBroker({ proxy: parseProxy(proxy.url, 'x') });
  assert.equal(await echo(options), 'hello');
  assert.deepEqual(
    proxy.asked.map(({ target }) => target),
    [addressOf(broker)],
  );
  // Liveness of a link looks at this count.
  const socket = await dialBroker(options);
  socket.write('hello');
  await new Promise((resolve) => socket.once('data', resolve));
  assert.ok(socket.bytesRead > 0);
  socket.destroy();
});

test('the name is resolved by the proxy: a device that can resolve nothing gets there', async (t) => {
  const proxy = await proxyFor(t, { resolve: () => addressOf(broker) });
  const address = 'broker.invalid:7443';
  assert.equal(await echo(toBroker({ address, proxy: parseProxy(proxy.url, 'x') })), 'hello');
  assert.equal(proxy.asked[0]?.target, address);
});

test('an api request goes through as well', async (t) => {
  const proxy = await proxyFor(t);
  const answer = await apiRequest({
    address: addressOf(broker),
    proxy: parseProxy(proxy.url, 'x'),
    root: ca.root,
    trustDomain: ca.trustDomain,
    method: 'GET',
    path: '/v1/health',
  });
  assert.deepEqual(answer, { status: 200, body: {} });
});

test('credentials are shown to the proxy alone; refused ones are said as such', async (t) => {
  const proxy = await proxyFor(t, { credentials: 'ana:hunter2' });
  const url = new URL(proxy.url);
  assert.equal(await echo(toBroker({ proxy: parseProxy(`http://ana:hunter2@${url.host}`, 'x') })), 'hello');
  await assert.rejects(dialBroker(toBroker({ proxy: parseProxy(proxy.url, 'x') })), {
    code: 'unavailable',
    message: /wants credentials \(407\)/,
  });
  await assert.rejects(dialBroker(toBroker({ proxy: parseProxy(`http://ana:wrong@${url.host}`, 'x') })), {
    message: /does not take these credentials \(407\)/,
  });
});

for (const [what, behaviour, words] of [
  ['forbids', { says: 'HTTP/1.1 403 Forbidden\r\n\r\n' }, /does not allow a connection to/],
  ['is no proxy', { says: 'SSH-2.0-OpenSSH_9.2\r\n' }, /answered something that is no answer to CONNECT/],
  ['talks first', { says: 'HTTP/1.1 200 OK\r\n\r\nhello' }, /no answer to CONNECT/],
  [
    'never ends its answer',
    { says: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(64 * 1024)}` },
    /no answer to CONNECT/,
  ],
  ['closes', { closes: true }, /closed the connection instead of answering/],
  ['says nothing', { says: '' }, /did not answer within 0.2 s/],
  ['cannot get there', { resolve: () => '127.0.0.1:1' }, /could not reach/],
] as const) {
  test(`a proxy that ${what}: in words, and nothing is left of it`, async (t) => {
    const proxy = await proxyFor(t, behaviour);
    const options = toBroker({ proxy: parseProxy(proxy.url, 'x'), timeoutMs: 200 });
    await assert.rejects(dialBroker(options), (error: unknown) => {
      assert.ok(error instanceof SallyportError);
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, words);
      assert.match(error.message, /the proxy "127\.0\.0\.1:\d+"/);
      assert.notEqual(error.next, undefined);
      return true;
    });
  });
}

test('a proxy that is not there is told apart from a broker that is not', async () => {
  await assert.rejects(dialBroker(toBroker({ proxy: parseProxy('http://127.0.0.1:1', 'x') })), {
    message: /the proxy "127\.0\.0\.1:1" cannot be reached: nothing listens/,
  });
  await assert.rejects(dialBroker(toBroker({ address: '127.0.0.1:1' })), { message: /nothing listens at/ });
});

test('L3 a proxy that looks into TLS is refused and named', async (t) => {
  const between = await startBroker(foreign);
  t.after(() => between.close());
  const proxy = await proxyFor(t, { resolve: () => addressOf(between) });
  await assert.rejects(dialBroker(toBroker({ proxy: parseProxy(proxy.url, 'x') })), {
    message: /its certificate comes from another root \(through the proxy "127\.0\.0\.1:\d+"\)/,
    next: /may look into TLS: ask who runs it for an exception/,
  });
});

test('a broker that never finishes its handshake, and a caller that gives up, leave no socket', async (t) => {
  const open = new Set<unknown>();
  const silent = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const address = addressOf(silent as Server);
  const proxy = await proxyFor(t);
  const through = parseProxy(proxy.url, 'x');
  for (const way of [undefined, through]) {
    await assert.rejects(dialBroker(toBroker({ address, proxy: way, timeoutMs: 200 })), {
      message: /did not answer within 0.2 s/,
    });
    const stop = new AbortController();
    const given = new SallyportError('unavailable', 'given up');
    const dialling = dialBroker(toBroker({ address, proxy: way, signal: stop.signal }));
    stop.abort(given);
    await assert.rejects(dialling, given);
    await assert.rejects(dialBroker(toBroker({ address, proxy: way, signal: stop.signal })), given);
  }
  const stalled = await proxyFor(t, { says: '' });
  const stop = new AbortController();
  const dialling = dialBroker(
    toBroker({
      proxy: parseProxy(stalled.url, 'x'),
      signal: stop.signal,
      timeoutMs: limits.proxyAnswerTimeoutMs,
    }),
  );
  stop.abort(new SallyportError('unavailable', 'given up'));
  await assert.rejects(dialling, { message: 'given up' });
  for (const socket of open)
    await new Promise((resolve) => (socket as NodeJS.EventEmitter).once('close', resolve));
  assert.equal(open.size, 0);
});

test('a tunnel that breaks is an end of the socket, and crashes nothing', async (t) => {
  const proxy = await proxyFor(t);
  const socket = await dialBroker(toBroker({ proxy: parseProxy(proxy.url, 'x') }));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  await proxy.close();
  await closed;
  assert.ok(socket.destroyed);
});

test('where it is not found at the first address, the others are dialled in turn; the words are of the first', async (t) => {
  const elsewhere = await startBroker(foreign);
  t.after(() => elsewhere.close());
  const [silent, wrong] = ['127.0.0.1:1', addressOf(elsewhere)];
  assert.equal(await echo(toBroker({ address: silent, also: [wrong, addressOf(broker)] })), 'hello');
  await assert.rejects(dialBroker(toBroker({ address: silent, also: [wrong] })), /"127\.0\.0\.1:1"/);
});

test('L3 who answers with a foreign root is not believed at any address', async (t) => {
  const elsewhere = await startBroker(foreign);
  t.after(() => elsewhere.close());
  const wrong = addressOf(elsewhere);
  await assert.rejects(dialBroker(toBroker({ address: wrong, also: [wrong] })), /own root|root/);
});
