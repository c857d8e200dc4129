// Channels through a whole gate: opened, joined, refused, ended, reported.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { readProblem } from '../../src/link/client-session.ts';
import type { ByteStream, InboundEnd } from '../../src/link/byte-stream.ts';
import { channelHeaders, dial, sessionId } from '../doubles/gate-peers.ts';
import { echo, startGate } from '../doubles/gate-world.ts';

function collect(stream: ByteStream): Promise<{ readonly text: string; readonly end: InboundEnd }> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    stream.listen({
      onData: (chunk) => void chunks.push(chunk),
      onEnd: (end) => resolve({ text: Buffer.concat(chunks).toString(), end }),
    });
  });
}

void test('a channel is asked for, opened with the pass, joined, and its exit reported', async (t) => {
  const world = await startGate(t);
  const heads: unknown[] = [];
  const agent = await world.agent({
    onChannel(stream, request) {
      heads.push([request.path, request.headers['sallyport-pass'], request.headers['sallyport-params']]);
      echo(stream);
    },
  });
  world.allow(agent.link, { n: 7 });
  const operator = await world.operator();
  const { status, stream } = await operator.open(sessionId(1));
  assert.equal(status, 200);
  const answer = collect(stream);
  stream.write(Buffer.from('hello'));
  stream.endClean();
  const { text, end } = await answer;
  assert.equal(text, 'hello');
  assert.ok(end.how === 'clean');
  assert.deepEqual(end.trailers, { 'sallyport-exit': '{"code":0}' });
  assert.deepEqual(heads, [['/channels/exec', 'pass.signature', channelHeaders('')['sallyport-params']]]);
  const [asked] = world.authority.toldOf('/gate/channels');
  assert.equal(asked?.['params'], '{"kind":"exec"}');
  assert.equal(asked?.['remoteAddress'], '127.0.0.1');
  await operator.client.close();
  await world.authority.until(() => world.authority.toldOf('/gate/sessions/ended').length > 0);
  const [{ durationMs, ...closed } = {}] = world.authority.toldOf('/gate/channels/closed');
  assert.deepEqual(closed, {
    session: sessionId(1),
    nth: 0,
    n: 7,
    ended: 'clean',
    exit: { code: 0 },
    bytesUp: 5,
    bytesDown: 5,
  });
  assert.equal(typeof durationMs, 'number');
  assert.deepEqual(world.authority.toldOf('/gate/sessions/ended'), [
    { session: sessionId(1), reason: 'exit' },
  ]);
});

void test('the address that a forward ended up at is told to the operator and reported, if it is one', async (t) => {
  const world = await startGate(t);
  const peers = ['192.0.2.7:443', '[2001:db8::7]:443', 'db.example:443, and more'];
  let n = 0;
  const agent = await world.agent({
    onRequest(request) {
      if (!request.path.startsWith('/channels/')) return false;
      echo(request.accept({ 'sallyport-peer': peers[n++] ?? '' }));
      return true;
    },
  });
  world.allow(agent.link);
  const operator = await world.operator();
  for (const peer of [...peers.slice(0, 2), undefined]) {
    const answer = await operator.open(sessionId(1));
    assert.equal(answer.headers['sallyport-peer'], peer);
    const end = collect(answer.stream);
    answer.stream.endClean();
    await end;
  }
  await world.authority.until(() => world.authority.toldOf('/gate/channels/closed').length === 3);
  const reported = world.authority.toldOf('/gate/channels/closed').map((body) => body['peer']);
  assert.deepEqual(reported, [...peers.slice(0, 2), undefined]);
});

void test('a denied open sends zero bytes to the agent, and the words are the authority’s', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent();
  const before = { asked: [...agent.asked], bytes: agent.socket.bytesRead };
  const operator = await world.operator();
  world.authority.answers.channel = () => {
    throw new SallyportError('denied', 'policy says no', { next: 'ask', help: ['approval'] });
  };
  const answer = await operator.open(sessionId(1));
  assert.equal(answer.status, 403);
  const problem = await readProblem(answer);
  assert.deepEqual(
    [problem.code, problem.message, problem.next, problem.help],
    ['denied', 'policy says no', 'ask', ['approval']],
  );
  assert.deepEqual(agent.asked, before.asked);
  assert.equal(agent.socket.bytesRead, before.bytes);
  assert.deepEqual(world.authority.toldOf('/gate/channels/closed'), []);
});

void test('what the operator sends before the yes waits, and arrives whole', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({ onChannel: echo });
  const { promise: yes, resolve } = Promise.withResolvers<void>();
  world.authority.answers.channel = async () => {
    await yes;
    return { link: agent.link, pass: 'p.s', n: 1, idleMs: 60_000, mustEndAt: Date.now() + 60_000 };
  };
  const socket = await dial({
    ca: world.ca,
    port: world.gate.port,
    alpn: 'sallyport-channel',
    leaf: world.human,
  });
  const early = Buffer.alloc(600_000, 'e');
  const client = connect('http://gate', { createConnection: () => socket });
  const head = { ':method': 'POST', ':path': '/channels/exec', ...channelHeaders(sessionId(1)) };
  const stream = client.request(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'sallyport-end': 'clean' }));
  stream.end(early);
  await world.authority.until(() => world.authority.toldOf('/gate/channels').length === 1);
  assert.equal(agent.asked.includes('/channels/exec'), false);
  resolve();
  let received = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) received += chunk.length;
  assert.equal(received, early.length);
});

void test('what the agent refuses is answered as it is, and reported as refused', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({
    onRequest(request) {
      if (!request.path.startsWith('/channels/')) return false;
      throw new SallyportError('pass_replayed', 'n was used');
    },
  });
  world.allow(agent.link);
  const operator = await world.operator();
  const answer = await operator.open(sessionId(1));
  assert.deepEqual([answer.status, (await readProblem(answer)).code], [403, 'pass_replayed']);
  await world.authority.until(() => world.authority.toldOf('/gate/channels/closed').length === 1);
  const [closed] = world.authority.toldOf('/gate/channels/closed');
  assert.deepEqual([closed?.['ended'], closed?.['code']], ['refused', 'pass_replayed']);
});

void test('a hostile head is refused in words before the authority is asked', async (t) => {
  const world = await startGate(t);
  const operator = await world.operator();
  const cases: readonly [Record<string, string>, number, string][] = [
    [{ 'sallyport-version': '2' }, 426, 'version_unsupported'],
    [{ 'sallyport-session': 'ses_x' }, 400, 'invalid'],
    [{ 'sallyport-session': `${sessionId(1)}, ${sessionId(2)}` }, 400, 'invalid'],
    [{ 'sallyport-open': '' }, 403, 'open_missing'],
    [{ 'sallyport-open': 'a.b.c' }, 400, 'invalid'],
    [{ 'sallyport-params': '****' }, 400, 'invalid'],
    [{ 'sallyport-params': Buffer.from([0xff, 0xfe, 0xfd]).toString('base64url') }, 400, 'invalid'],
    [{ 'sallyport-params': Buffer.alloc(9_000, 'x').toString('base64url') }, 413, 'too_large'],
  ];
  for (const [headers, status, code] of cases) {
    const answer = await operator.open(sessionId(1), { headers });
    assert.deepEqual([answer.status, (await readProblem(answer)).code], [status, code]);
  }
  const head = { headers: channelHeaders(sessionId(1)) };
  for (const [path, code] of [
    ['/channels/socks', 'kind_unsupported'],
    ['/channels/exec/..', 'not_found'],
    ['/hello', 'not_found'],
  ] as const) {
    assert.equal((await readProblem(await operator.client.request({ path, ...head }))).code, code);
  }
  // A head over headersMaxBytes never becomes a request.
  await assert.rejects(operator.open(sessionId(1), { headers: { 'sallyport-open': 'a'.repeat(64_000) } }));
  assert.deepEqual(world.authority.toldOf('/gate/channels'), []);
});

void test('L19 a channel that is refused before the authority is asked is on the audit log, with who asked', async (t) => {
  const world = await startGate(t);
  const operator = await world.operator();
  const head = { headers: channelHeaders(sessionId(1)) };
  const answer = await operator.client.request({ path: '/channels/socks', ...head });
  assert.equal((await readProblem(answer)).code, 'kind_unsupported');
  await world.authority.until(() => world.authority.toldOf('/gate/refusals').length === 1);
  assert.deepEqual(world.authority.toldOf('/gate/refusals'), [
    { door: 'request', fault: 'kind_unsupported', peer: 'ann', remoteAddress: '127.0.0.1' },
  ]);
});

void test('a session whose first yes was lost on its way is ended, not left to its deadline', async (t) => {
  const world = await startGate(t, { bounds: { controlRequestTimeoutMs: 100 } });
  await world.agent();
  world.authority.answers.channel = () => new Promise(() => undefined);
  const operator = await world.operator();
  const answer = await operator.open(sessionId(1));
  assert.equal((await readProblem(answer)).code, 'unavailable');
  await world.authority.until(() => world.authority.toldOf('/gate/sessions/ended').length === 1);
  assert.deepEqual(world.authority.toldOf('/gate/sessions/ended'), [
    { session: sessionId(1), reason: 'shutdown' },
  ]);
});

void test('an operator who leaves while the authority is asked leaves no session and no stream', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({ onChannel: echo });
  const { promise: yes, resolve } = Promise.withResolvers<void>();
  world.authority.answers.channel = async () => {
    await yes;
    return { link: agent.link, pass: 'p.s', n: 3, idleMs: 60_000, mustEndAt: Date.now() + 60_000 };
  };
  const operator = await world.operator();
  const opening = operator.open(sessionId(1));
  await world.authority.until(() => world.authority.toldOf('/gate/channels').length === 1);
  operator.socket.destroy();
  await assert.rejects(opening);
  resolve();
  await world.authority.until(() => world.authority.toldOf('/gate/sessions/ended').length === 1);
  assert.deepEqual(world.authority.toldOf('/gate/sessions/ended'), [
    { session: sessionId(1), reason: 'operator_gone' },
  ]);
  assert.equal(agent.asked.includes('/channels/exec'), false);
});

void test('an operator who vanishes ends his sessions, and the agent sees a cut', async (t) => {
  const world = await startGate(t);
  const { promise: ended, resolve } = Promise.withResolvers<InboundEnd>();
  const agent = await world.agent({
    onChannel: (stream) => void stream.listen({ onData: () => undefined, onEnd: resolve }),
  });
  world.allow(agent.link);
  const operator = await world.operator();
  await operator.open(sessionId(1));
  operator.socket.destroy();
  assert.equal((await ended).how, 'cut');
  await world.authority.until(() => world.authority.toldOf('/gate/sessions/ended').length === 1);
  assert.equal(world.authority.toldOf('/gate/channels/closed')[0]?.['ended'], 'cut');
  assert.equal(world.authority.toldOf('/gate/sessions/ended')[0]?.['reason'], 'operator_gone');
});

void test('a session belongs to the connection that opened it', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({ onChannel: echo });
  world.allow(agent.link);
  const [first, second] = [await world.operator(), await world.operator()];
  assert.equal((await first.open(sessionId(1))).status, 200);
  const answer = await second.open(sessionId(1));
  assert.equal((await readProblem(answer)).code, 'conflict');
  assert.equal((await first.open(sessionId(1))).status, 200);
});

void test('L2 one identity has so many connections and no more, and others are let in', async (t) => {
  const world = await startGate(t, { bounds: { connectionsPerIdentityMax: 2 } });
  const agent = await world.agent({ onChannel: echo });
  world.allow(agent.link);
  const operators = [await world.operator(), await world.operator()];
  const third = await world.operator();
  await world.authority.until(() => world.authority.toldOf('/gate/refusals').length === 1);
  const [refusal] = world.authority.toldOf('/gate/refusals');
  assert.deepEqual([refusal?.['door'], refusal?.['fault']], ['channel', 'too_many']);
  if (!third.socket.destroyed) await once(third.socket, 'close');
  assert.equal((await operators[0]?.open(sessionId(1)))?.status, 200);
  operators[1]?.socket.destroy();
  await operators[0]?.client.close();
});
