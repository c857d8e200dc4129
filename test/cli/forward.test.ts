// sallyport forward by transcript: a broker double grants, refuses and cuts; programs connect here.

import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { IncomingRequest } from '../../src/link/served-session.ts';
import { checkOpen, endSessions, linkNonce, sessionId, sessionView } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { outcomeOf, runCli, signedIn, startCli, type Child, type Ran } from './run-cli.ts';

const destination = { host: '127.0.0.1', port: 5_432 };
const view = { ...sessionView, target: 'pump-7/db', kind: 'tcp' };

let play: (stream: () => ByteStream, request: IncomingRequest) => void | Promise<void> = () => undefined;
const opens: { readonly n: number; readonly params: unknown }[] = [];
const broker = await startFakeBroker({
  async onChannel(request) {
    const { params, open } = checkOpen(request, 'pump-7/db');
    opens.push({ n: open.n, params });
    await play(() => request.accept({ 'sallyport-peer': '127.0.0.1:5432' }), request);
  },
});
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});

/** The far end says back the whole of what it heard, once the near end has ended. */
function answerWhole(stream: ByteStream): void {
  const heard: Buffer[] = [];
  stream.listen({
    onData: (chunk) => void heard.push(Buffer.from(chunk)),
    onEnd: ({ how }) => {
      if (how === 'cut') return;
      stream.write(Buffer.from(`whole:${Buffer.concat(heard).toString()}`));
      stream.endClean();
    },
  });
}

interface Started {
  readonly child: Child;
  readonly port: number;
  readonly outcome: Promise<Ran>;
  /** Events seen so far, with --json. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  until(holds: () => boolean): Promise<void>;
}

async function forward(...words: readonly string[]): Promise<Started> {
  opens.length = 0;
  broker.routes.set('POST /v1/sessions', () => ({ session: view, linkNonce, destination }));
  broker.routes.set('GET /v1/sessions/*', () => view);
  broker.routes.set(`POST /v1/sessions/${sessionId}/end`, () => view);
  const child = startCli(['forward', 'pump-7/db', '--json', ...words], { home: home.path });
  let text = '';
  const events: Readonly<Record<string, unknown>>[] = [];
  const looks = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n')) {
      events.push(JSON.parse(text.slice(0, at)) as Record<string, unknown>);
      text = text.slice(at + 1);
    }
    for (const look of looks) look();
  });
  const outcome = outcomeOf(child);
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return;
        looks.delete(look);
        resolve();
      };
      looks.add(look);
      look();
      void outcome.then(({ stderr }) => reject(new Error(`the forward ended: ${stderr}`)));
    });
  await until(() => events.length > 0);
  const listen = String(events[0]?.['listen']);
  return { child, port: Number(listen.split(':').at(-1)), outcome, events, until };
}

async function ends({ child, outcome }: Started): Promise<Ran> {
  child.kill('SIGINT');
  return await outcome;
}

interface Heard {
  readonly socket: Socket;
  readonly text: Promise<string>;
}

/** Resolves with everything that came; a reset is "reset:" and what came before. */
function dial(port: number, say?: string): Heard {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const heard: Buffer[] = [];
  const text = new Promise<string>((resolve) => {
    const all = (): string => Buffer.concat(heard).toString();
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.on('end', () => resolve(all()));
    socket.on('error', () => resolve(`reset:${all()}`));
    socket.on('close', () => resolve(`closed:${all()}`));
  });
  if (say !== undefined) socket.end(say);
  return { socket, text };
}

test('each connection is a channel of its own with the place that the broker named, numbered from 1', async () => {
  play = (accept) => answerWhole(accept());
  const started = await forward();
  const texts = ['one', 'two', 'three'].map((word) => dial(started.port, word).text);
  assert.deepEqual(await Promise.all(texts), ['whole:one', 'whole:two', 'whole:three']);
  assert.deepEqual(
    opens.map(({ n }) => n).toSorted((one, two) => one - two),
    [1, 2, 3],
  );
  for (const { params } of opens) assert.deepEqual(params, { kind: 'tcp', ...destination });
  await started.until(() => started.events.filter(({ event }) => event === 'closed').length === 3);
  const { status, stderr } = await ends(started);
  assert.deepEqual([status, stderr], [0, '']);
  const [listening, ...rest] = started.events;
  assert.deepEqual(
    { ...listening, listen: '' },
    {
      event: 'listening',
      listen: '',
      target: 'pump-7/db',
      to: '127.0.0.1:5432',
      session: sessionId,
      until: view.mustEndAt,
    },
  );
  assert.match(String(listening?.['listen']), /^127\.0\.0\.1:\d+$/);
  const closed = rest.find(({ event, n }) => event === 'closed' && n === 1);
  assert.deepEqual([closed?.['ended'], closed?.['bytesUp'], closed?.['bytesDown']], ['clean', 3, 9]);
  assert.ok(rest.some(({ event, peer }) => event === 'opened' && peer === '127.0.0.1:5432'));
});

test('one session for all of them, and only one', async () => {
  play = (accept) => answerWhole(accept());
  const before = broker.asked.length;
  const started = await forward('--for', '30m');
  for (let n = 0; n < 5; n += 1) await dial(started.port, 'x').text;
  await ends(started);
  const asked = broker.asked.slice(before).filter(({ path }) => path === '/v1/sessions');
  assert.equal(asked.length, 1);
  assert.deepEqual(asked[0]?.body, {
    target: 'pump-7/db',
    params: { kind: 'tcp', host: 'service', port: 1 },
    forMs: 1_800_000,
  });
});

test('what a client says first travels with the question, and is not lost when the yes takes long', async () => {
  const yes = Promise.withResolvers<void>();
  play = async (accept) => {
    await yes.promise;
    answerWhole(accept());
  };
  const started = await forward();
  const body = 'early '.repeat(100_000);
  const { text } = dial(started.port, body);
  await new Promise((resolve) => setImmediate(resolve));
  yes.resolve();
  assert.equal(await text, `whole:${body}`);
  await ends(started);
});

test('a refused connection is reset, said in words, and does not end the others', async () => {
  let n = 0;
  play = (accept) => {
    n += 1;
    if (n === 2)
      throw new SallyportError('service_failed', '"127.0.0.1:5432" refused the connection', {
        next: 'check it',
      });
    answerWhole(accept());
  };
  const started = await forward();
  const first = dial(started.port);
  await started.until(() => started.events.some(({ event }) => event === 'opened'));
  assert.match(await dial(started.port, 'no').text, /^(?:reset|closed):$/);
  assert.equal(await dial(started.port, 'yes').text, 'whole:yes');
  first.socket.end('still');
  assert.equal(await first.text, 'whole:still');
  const refused = started.events.find(({ ended }) => ended === 'refused');
  assert.equal((refused?.['problem'] as { readonly code: string } | undefined)?.code, 'service_failed');
  assert.equal((await ends(started)).status, 0);
});

test('a far end that resets is a reset here, and one that ends first still hears the rest', async () => {
  const rest = Promise.withResolvers<string>();
  let n = 0;
  play = (accept) => {
    const stream = accept();
    n += 1;
    if (n === 1) {
      stream.write(Buffer.from('half'));
      stream.listen({ onData: () => stream.abort(new Error('reset')), onEnd: () => undefined });
      return;
    }
    const heard: Buffer[] = [];
    stream.write(Buffer.from('bye'));
    stream.endClean();
    stream.listen({
      onData: (chunk) => void heard.push(Buffer.from(chunk)),
      onEnd: ({ how }) => rest.resolve(`${how}:${Buffer.concat(heard).toString()}`),
    });
  };
  const started = await forward();
  const first = dial(started.port);
  first.socket.once('data', () => first.socket.write('go on'));
  assert.equal(await first.text, 'reset:half');
  const second = dial(started.port);
  assert.equal(await second.text, 'bye');
  second.socket.end('the rest');
  assert.equal(await rest.promise, 'clean:the rest');
  assert.equal((await ends(started)).status, 0);
});

test('a session that was cut ends all connections, says why and exits 255', async () => {
  const live: ByteStream[] = [];
  play = (accept) => {
    const stream = accept();
    stream.listen({ onData: () => undefined, onEnd: () => undefined });
    live.push(stream);
  };
  const started = await forward();
  const dialled = [dial(started.port), dial(started.port)];
  await started.until(() => started.events.filter(({ event }) => event === 'opened').length === 2);
  endSessions(broker, 'lock', 'stolen');
  for (const stream of live) stream.abort(new Error('cut'));
  const { status, stderr } = await started.outcome;
  for (const { text } of dialled) assert.match(await text, /^(?:reset|closed):$/);
  assert.equal(status, 255);
  assert.match(stderr, /session ended: a lock was placed: stolen/);
});

test('Ctrl-C closes everything and exits 0; a session that was never used is ended at the broker', async () => {
  play = (accept) => answerWhole(accept());
  const started = await forward();
  const before = broker.asked.length;
  assert.equal((await ends(started)).status, 0);
  const asked = broker.asked.slice(before).map(({ method, path }) => `${method} ${path}`);
  assert.ok(asked.includes(`POST /v1/sessions/${sessionId}/end`), asked.join());
});

test('a port that is taken costs no session, and says what to do', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, '127.0.0.1', resolve);
  });
  const { port } = taken.address() as AddressInfo;
  const before = broker.asked.length;
  const ran = await runCli(['forward', 'pump-7/db', '--listen', String(port)], { home: home.path });
  taken.close();
  assert.equal(ran.status, 255);
  assert.match(
    ran.stderr,
    new RegExp(`"127.0.0.1:${port}" is in use on this machine\nnext: choose another port`),
  );
  assert.equal(broker.asked.length, before);
});

test('who listens for other machines is warned', async () => {
  broker.routes.set('POST /v1/sessions', () => {
    throw new SallyportError('denied', 'policy does not let you forward on "pump-7/db"');
  });
  const ran = await runCli(['forward', 'pump-7/db', '--listen', '0.0.0.0:0'], { home: home.path });
  assert.equal(ran.status, 77);
  assert.match(ran.stderr, /whoever reaches 0\.0\.0\.0:\d+ uses this forward as you/);
});

test('L9 L10 what --to may not be is refused here, in words, before anything is asked', async () => {
  const before = broker.asked.length;
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['pump-7'], /is a device: where to\?/],
    [['pump-7/db', '--to', '10.0.0.1:80'], /is a service, and lies where it lies/],
    [['pump-7', '--to', '10.0.0.1'], /is not HOST:PORT/],
    [['pump-7', '--to', ':80'], /is not HOST:PORT/],
    [['pump-7', '--to', '127.1:80'], /is no destination/],
    [['pump-7', '--to', '0x7f000001:80'], /is no destination/],
    [['pump-7', '--to', '010.0.0.1:80'], /is no destination/],
    [['pump-7', '--to', '[::ffff:127.0.0.1]:80'], /one spelling, "127\.0\.0\.1"/],
  ];
  for (const [words, expected] of cases) {
    const ran = await runCli(['forward', ...words], { home: home.path });
    assert.equal(ran.status, 2, words.join(' '));
    assert.match(ran.stderr, expected);
  }
  assert.equal(broker.asked.length, before);
});
