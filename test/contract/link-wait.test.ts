// An answer that takes longer because somebody is asked: announced by an informational response, over real
// HTTP/2 in both roles, and waited for once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { limits } from '../../src/core/limits.ts';
import type { ClientSession } from '../../src/link/client-session.ts';
import type { Handler, IncomingRequest, ServedSession } from '../../src/link/served-session.ts';
import { openLinkClient, serveLink } from '../../src/link/session.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { makeCredentials, tlsPair, type Credentials } from './link-ends.ts';

let credentials: Credentials;
const live: (ClientSession | ServedSession)[] = [];
before(async () => {
  credentials = await makeCredentials();
});
after(async () => {
  for (const session of live) session.abort();
  await Promise.all(live.map((session) => session.closed));
});

async function gateOf(handler: Handler, clock: ManualClock): Promise<ClientSession> {
  const pair = await tlsPair(credentials);
  // Far beyond what the clock is moved by: this is about answers, not about dead peers.
  const options = { clock, pingIntervalMs: 1_000_000, peerDeadAfterMs: 2_000_000 };
  const agent = serveLink(pair.dialled, handler, options);
  const gate = openLinkClient(pair.accepted, options);
  live.push(agent, gate);
  return gate;
}

interface Asked {
  readonly answer: ReturnType<ClientSession['request']>;
  readonly told: Promise<string>;
  readonly timesTold: () => number;
}

function ask(gate: ClientSession): Asked {
  let times = 0;
  let tell: (wait: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => void (tell = resolve));
  const answer = gate.request({
    path: '/channels/exec',
    answerWithinMs: 10_000,
    onWaiting: (wait) => {
      times += 1;
      tell(wait);
    },
  });
  answer.catch(() => undefined);
  return { answer, told, timesTold: () => times };
}

test('who is told to wait waits as long as consent may take, and then gets the answer', async () => {
  const clock = new ManualClock();
  let request: IncomingRequest | undefined;
  const gate = await gateOf((asked) => {
    request = asked;
    asked.inform('consent');
  }, clock);
  const { answer, told } = ask(gate);
  assert.equal(await told, 'consent');
  clock.advance(limits.consentWaitMs + 9_999);
  request?.accept().endClean();
  assert.equal((await answer).status, 200);
});

test('who is not told to wait gives up when he would have', async () => {
  const clock = new ManualClock();
  let heard: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => void (heard = resolve));
  const gate = await gateOf(() => heard(), clock);
  const { answer, timesTold } = ask(gate);
  await arrived;
  clock.advance(10_000);
  await assert.rejects(answer, { code: 'unavailable', message: /no answer within 10000 ms/ });
  assert.equal(timesTold(), 0);
});

test('a wait that never ends is given up too', async () => {
  const clock = new ManualClock();
  const gate = await gateOf((asked) => asked.inform('consent'), clock);
  const { answer, told } = ask(gate);
  await told;
  clock.advance(limits.consentWaitMs + 10_000);
  await assert.rejects(answer, { code: 'unavailable' });
});

test('the wait is announced once, however often the device says it, and never after the answer', async () => {
  const clock = new ManualClock();
  const gate = await gateOf((asked) => {
    asked.inform('consent');
    asked.inform('consent');
    const stream = asked.accept();
    asked.inform('consent');
    stream.endClean();
  }, clock);
  const { answer, timesTold } = ask(gate);
  assert.equal((await answer).status, 200);
  assert.equal(timesTold(), 1);
});

test('a hostile peer that announces waits without end puts its answer off once', async () => {
  const clock = new ManualClock();
  const { performServerHandshake } = await import('node:http2');
  const pair = await tlsPair(credentials);
  const session = performServerHandshake(pair.dialled);
  let again: () => void = () => undefined;
  session.on('stream', (stream) => {
    stream.on('error', () => undefined);
    again = () => stream.additionalHeaders({ ':status': 102, 'sallyport-wait': 'consent' });
    stream.additionalHeaders({ ':status': 102, 'sallyport-wait': 'something else' });
    again();
  });
  session.on('error', () => undefined);
  const gate = openLinkClient(pair.accepted, {
    clock,
    pingIntervalMs: 1_000_000,
    peerDeadAfterMs: 2_000_000,
  });
  live.push(gate);
  const { answer, told, timesTold } = ask(gate);
  await told;
  clock.advance(limits.consentWaitMs);
  for (let times = 0; times < 10; times += 1) again();
  // A round trip on the same connection: by then they have arrived.
  await new Promise<void>((resolve) => session.ping(() => resolve()));
  clock.advance(10_000);
  await assert.rejects(answer, { code: 'unavailable' });
  assert.equal(timesTold(), 1);
  session.destroy();
});
