import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { SallyportError, toProblem } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { ByteStream, InboundEnd, Trailers } from '../../src/link/byte-stream.ts';
import { readProblem, type ClientSession } from '../../src/link/client-session.ts';
import type { Handler, ServedSession } from '../../src/link/served-session.ts';
import { openChannelClient, openLinkClient, serveChannels, serveLink } from '../../src/link/session.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { makeCredentials, tcpPair, tlsPair, type Credentials } from './link-ends.ts';

let credentials: Credentials;
const live: (ClientSession | ServedSession)[] = [];
before(async () => {
  credentials = await makeCredentials();
});
after(async () => {
  for (const session of live) session.abort();
  await Promise.all(live.map((session) => session.closed));
});

interface Link {
  readonly gate: ClientSession;
  readonly agent: ServedSession;
}

/** An agent's link: the side that dialled serves. */
async function link(handler: Handler, clock?: ManualClock): Promise<Link> {
  const pair = await tlsPair(credentials);
  const options = clock === undefined ? {} : { clock };
  const agent = serveLink(pair.dialled, handler, options);
  const gate = openLinkClient(pair.accepted, options);
  live.push(agent, gate);
  return { gate, agent };
}

interface Collected {
  readonly text: string;
  readonly end: InboundEnd;
}

function collect(stream: ByteStream): Promise<Collected> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    stream.listen({
      onData: (chunk) => void chunks.push(chunk),
      onEnd: (end) => resolve({ text: Buffer.concat(chunks).toString(), end }),
    });
  });
}

function clean(trailers: Trailers = {}): InboundEnd {
  return { how: 'clean', trailers };
}

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof SallyportError && error.code === code;
}

test('a channel on a link carries both directions, half-close and trailers', async () => {
  const { gate, agent } = await link(async (request) => {
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/channels/exec');
    assert.equal(request.headers['sallyport-pass'], 'p');
    const stream = request.accept();
    const asked = await collect(stream);
    assert.deepEqual(asked.end, clean());
    stream.write(Buffer.from(`you said ${asked.text}`));
    stream.endClean({ 'sallyport-exit': '{"code":3}' });
    stream.endClean({ 'sallyport-exit': '{"code":4}' });
  });
  const answer = await gate.request({ path: '/channels/exec', headers: { 'sallyport-pass': 'p' } });
  assert.equal(answer.status, 200);
  answer.stream.write(Buffer.from('hello'));
  answer.stream.endClean();
  assert.deepEqual(await collect(answer.stream), {
    text: 'you said hello',
    end: clean({ 'sallyport-exit': '{"code":3}' }),
  });
  const ended = await gate.close();
  assert.equal(ended.reason, 'closed');
  assert.equal((await agent.closed).reason, 'peer_closed');
  assert.deepEqual([gate.openStreams, agent.openStreams], [0, 0]);
});

test('an operator is the client of its own connection', async () => {
  const pair = await tlsPair(credentials);
  const gate = serveChannels(pair.accepted, (request) => request.reply('{"ok":true}'));
  const operator = openChannelClient(pair.dialled);
  live.push(gate, operator);
  const { status, body } = await operator.ask({ path: '/x' });
  assert.deepEqual([status, body.toString()], [200, '{"ok":true}']);
});

test('a small request carries a body there and back, or nothing', async () => {
  const { gate } = await link(async (request) => {
    const body = await request.readBody();
    request.reply(request.path === '/lease' ? '' : Buffer.concat([Buffer.from('got '), body]));
  });
  const hello = await gate.ask({ path: '/hello', body: 'x'.repeat(200_000) });
  assert.equal(hello.body.length, 200_004);
  const lease = await gate.ask({ path: '/lease', body: 'a lease' });
  assert.deepEqual([lease.status, lease.body.length], [204, 0]);
});

test('a refusal arrives as the problem it was, before and after the body was read', async () => {
  const { gate, agent } = await link(async (request) => {
    if (request.path === '/late') await request.readBody();
    if (request.path === '/refuse')
      return request.refuse(toProblem(new SallyportError('pass_replayed', 'this pass was used')));
    throw new SallyportError('pass_expired', 'too late', { next: 'ask again' });
  });
  for (const path of ['/now', '/late']) {
    await assert.rejects(gate.ask({ path, body: 'x' }), (error: unknown) => {
      assert.ok(error instanceof SallyportError);
      assert.deepEqual([error.code, error.message, error.next], ['pass_expired', 'too late', 'ask again']);
      return true;
    });
  }
  const answer = await gate.request({ path: '/refuse' });
  assert.equal(answer.status, 403);
  assert.equal((await readProblem(answer)).code, 'pass_replayed');
  await gate.close();
  assert.equal(agent.openStreams, 0);
});

test('a stranger error in a handler is told as internal, without its words', async () => {
  const { gate } = await link(() => {
    throw new Error('secret path /etc/x');
  });
  await assert.rejects(gate.ask({ path: '/' }), (error: unknown) => {
    assert.ok(error instanceof SallyportError && error.code === 'internal');
    assert.ok(!error.message.includes('secret'));
    return true;
  });
});

test('a body beyond its bound is refused', async () => {
  const { gate } = await link(async (request) => {
    await request.readBody(1_000);
    request.reply('');
  });
  await gate.ask({ path: '/', body: 'x'.repeat(1_000) });
  await assert.rejects(gate.ask({ path: '/', body: 'x'.repeat(1_001) }), refusedWith('too_large'));
});

test('a request without an answer is given up in time, and its stream freed on both sides', async () => {
  const clock = new ManualClock();
  let arrived: () => void = () => undefined;
  const isThere = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  let gone: Promise<unknown> | undefined;
  const { gate, agent } = await link((request) => {
    gone = once(request.signal, 'abort');
    arrived();
  }, clock);
  const asked = assert.rejects(gate.request({ path: '/' }), refusedWith('unavailable'));
  await isThere;
  clock.advance(limits.controlRequestTimeoutMs);
  await asked;
  await gone;
  assert.equal(agent.openStreams, 0);
});

test('a request is given up when its signal says so', async () => {
  const { gate } = await link(() => undefined);
  const giveUp = new AbortController();
  const asked = gate.request({ path: '/', signal: giveUp.signal });
  giveUp.abort();
  await assert.rejects(asked, refusedWith('unavailable'));
  await assert.rejects(gate.request({ path: '/', signal: giveUp.signal }), refusedWith('unavailable'));
});

test('a closing side says when to come back, takes no new stream, and lets the live one finish', async () => {
  let finish: () => void = () => undefined;
  const { gate, agent } = await link(async (request) => {
    const stream = request.accept();
    finish = () => stream.endClean();
    await collect(stream);
  });
  const answer = await gate.request({ path: '/' });
  const ended = collect(answer.stream);
  const closing = gate.close({ minMs: 5_000, maxMs: 10_000 });
  void gate.close();
  assert.equal(gate.isOpen, false);
  await assert.rejects(gate.request({ path: '/' }), refusedWith('unavailable'));
  answer.stream.write(Buffer.from('still'));
  answer.stream.endClean();
  finish();
  assert.deepEqual((await ended).end, clean());
  assert.equal((await closing).reason, 'closed');
  assert.deepEqual(await agent.closed, {
    reason: 'peer_closed',
    error: undefined,
    comeBack: { minMs: 5_000, maxMs: 10_000 },
  });
});

test('a drain that does not end is cut', async () => {
  const clock = new ManualClock();
  const { gate, agent } = await link((request) => void request.accept(), clock);
  const answer = await gate.request({ path: '/' });
  const ended = collect(answer.stream);
  const closing = gate.close();
  clock.advance(limits.drainMaxMs);
  assert.equal((await ended).end.how, 'cut');
  assert.equal((await closing).reason, 'aborted');
  await agent.closed;
  assert.equal(clock.pendingTimers, 0);
});

test('L2 an operator who has nothing to ask for yet stays, and one who never says a word does not', async () => {
  const clock = new ManualClock();
  const quiet = await tcpPair();
  const mute = await tcpPair();
  const [one, other] = [quiet, mute].map(({ accepted }) =>
    serveChannels(accepted, () => undefined, { clock }),
  );
  const operator = openChannelClient(quiet.dialled, { clock });
  // Its first words have arrived once nobody waits for them any more.
  const timers = clock.pendingTimers;
  while (clock.pendingTimers === timers) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(limits.firstRequestTimeoutMs);
  assert.equal((await other?.closed)?.reason, 'silent');
  assert.equal(one?.isOpen, true);
  operator.abort();
  mute.dialled.destroy();
  await Promise.all([one?.closed, operator.closed]);
  assert.equal(clock.pendingTimers, 0);
});

test('L2 a peer that never asks is closed in time', async () => {
  const clock = new ManualClock();
  const { agent, gate } = await link(() => undefined, clock);
  clock.advance(limits.firstRequestTimeoutMs);
  assert.equal((await agent.closed).reason, 'silent');
  await gate.closed;
  assert.equal(clock.pendingTimers, 0);
});

test('aborting a session cuts what it carries, once', async () => {
  const { gate, agent } = await link((request) => void request.accept());
  const answer = await gate.request({ path: '/' });
  const ended = collect(answer.stream);
  const reason = new Error('locked');
  agent.abort(reason);
  agent.abort();
  assert.equal((await ended).end.how, 'cut');
  assert.deepEqual(await agent.closed, { reason: 'aborted', error: reason, comeBack: undefined });
  await gate.closed;
  await assert.rejects(gate.request({ path: '/' }), refusedWith('unavailable'));
});

test('more channels than a link may carry are refused here, not queued', async () => {
  const { gate } = await link((request) => void request.accept());
  await gate.request({ path: '/' });
  const asked = Array.from({ length: limits.channelsPerLinkMax }, () => gate.request({ path: '/' }));
  const results = await Promise.allSettled(asked);
  assert.equal(results.filter((result) => result.status === 'rejected').length, 1);
});

test('L16 a session on a socket that is already gone is a session that ended', async () => {
  for (const isGone of [false, true]) {
    const pair = await tlsPair(credentials);
    const closed = Promise.all([once(pair.dialled, 'close'), once(pair.accepted, 'close')]);
    pair.dialled.destroy();
    pair.accepted.destroy();
    if (isGone) await closed;
    const served = serveLink(pair.dialled, () => undefined);
    const gate = openLinkClient(pair.accepted);
    assert.equal((await served.closed).reason, 'socket');
    assert.equal((await gate.closed).reason, 'socket');
    await assert.rejects(gate.request({ path: '/' }), refusedWith('unavailable'));
  }
});
