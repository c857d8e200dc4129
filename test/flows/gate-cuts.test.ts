// What ends sessions at the gate: orders, clocks, lost links, a lost or silent authority; and how fast.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { InboundEnd } from '../../src/link/byte-stream.ts';
import { readProblem } from '../../src/link/client-session.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { startPeer, type LoadCut } from '../doubles/gate-load.ts';
import { sessionId } from '../doubles/gate-peers.ts';
import { echo, startGate, type GateWorld } from '../doubles/gate-world.ts';
import type { TestLeaf } from '../doubles/test-ca.ts';

/** One session with one echoing channel, and a way to see that it lives. */
async function openOne(world: GateWorld, options: Parameters<GateWorld['allow']>[1] = {}) {
  const { promise: agentEnd, resolve: agentEnded } = Promise.withResolvers<InboundEnd['how']>();
  const agent = await world.agent({
    onChannel: (stream) =>
      void stream.listen({
        onData: (bytes) => void stream.write(bytes),
        onEnd: ({ how }) => agentEnded(how),
      }),
  });
  world.allow(agent.link, options);
  const operator = await world.operator();
  const { stream } = await operator.open(sessionId(1));
  const { promise: operatorEnd, resolve: operatorEnded } = Promise.withResolvers<InboundEnd['how']>();
  let back: () => void = () => undefined;
  stream.listen({ onData: () => back(), onEnd: ({ how }) => operatorEnded(how) });
  const echoed = async (): Promise<void> => {
    const answered = new Promise<void>((resolve) => {
      back = resolve;
    });
    stream.write(Buffer.from('x'));
    await answered;
  };
  await echoed();
  return { agent, operator, stream, echoed, ends: Promise.all([agentEnd, operatorEnd]) };
}

async function endedAs(world: GateWorld, reason: string): Promise<void> {
  const { authority } = world;
  await authority.until(() => authority.toldOf('/gate/sessions/ended').length === 1);
  assert.deepEqual(authority.toldOf('/gate/sessions/ended'), [{ session: sessionId(1), reason }]);
  assert.equal(authority.toldOf('/gate/channels/closed')[0]?.['ended'], 'cut');
}

void test('a cut of 100 streams under load reaches both ends within a second', async (t) => {
  const world = await startGate(t);
  const { ca, gate, authority } = world;
  const common = { port: gate.port, root: ca.root, streams: 100 };
  const pemOf = ({ key, cert }: TestLeaf) => ({ key, cert });
  const agent = startPeer({ ...common, role: 'agent', leaf: pemOf(world.device) });
  await agent.ready;
  world.allow(String(authority.toldOf('/gate/links')[0]?.['link']));
  const operator = startPeer({ ...common, role: 'operator', leaf: pemOf(world.human) });
  await operator.ready;
  const cutAt = performance.timeOrigin + performance.now();
  const sessions = Array.from({ length: 100 }, (_, n) => sessionId(n));
  authority.order({ type: 'cut', sessions, reason: 'lock' });
  const [atOperator, atAgent] = await Promise.all([operator.cut, agent.cut]);
  agent.stop();
  operator.stop();
  const p99 = ({ at }: LoadCut): number => (at.toSorted((a, b) => a - b).at(98) ?? Infinity) - cutAt;
  const [operatorMs, agentMs] = [p99(atOperator), p99(atAgent)];
  t.diagnostic(`p99 ms from order to: operator's last byte ${operatorMs}, agent's stream gone ${agentMs}`);
  assert.equal(atOperator.clean, 0);
  // The promise of design rule 6, which has to hold on a machine that is busy with other tests as well. On
  // a quiet one it is 5 to 30 ms and about 100; "npm run bench" holds those figures.
  assert.ok(operatorMs <= 1_000, `${operatorMs} ms at the operator`);
  assert.ok(agentMs <= 1_000, `${agentMs} ms at the agent`);
  // The authority gave the order, so it needs no report of the end, only of the bytes.
  await authority.until(() => authority.toldOf('/gate/channels/closed').length === 100);
  assert.deepEqual(authority.toldOf('/gate/sessions/ended'), []);
});

void test('a cut that crosses the yes on its way leaves nothing open', async (t) => {
  const world = await startGate(t);
  const agent = await world.agent({ onChannel: echo });
  const { promise: yes, resolve } = Promise.withResolvers<void>();
  world.authority.answers.channel = async () => {
    await yes;
    return { link: agent.link, pass: 'p.s', n: 1, idleMs: 60_000, mustEndAt: Date.now() + 60_000 };
  };
  const operator = await world.operator();
  const opening = operator.open(sessionId(1));
  await world.authority.until(() => world.authority.toldOf('/gate/channels').length === 1);
  world.authority.order({ type: 'cut', sessions: [sessionId(1)], reason: 'lock' });
  // The order came first on the wire; a lease behind it shows that it was read.
  world.authority.order({ type: 'lease', link: agent.link, lease: 'lease.behind' });
  while (agent.bodies.get('/lease') === undefined) await turn();
  resolve();
  assert.equal((await readProblem(await opening)).code, 'denied');
  assert.equal(agent.asked.includes('/channels/exec'), false);
});

/** No heartbeat is expected of the authority for so long as a test moves this clock. */
const patient = { gateCutOffAfterMs: 1_000_000 };

void test('a session without a byte for its idle limit ends, and one with bytes does not', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: patient });
  const { ends, echoed } = await openOne(world, { idleMs: 8_000 });
  clock.advance(7_000);
  await echoed();
  clock.advance(7_000);
  await echoed();
  clock.advance(10_000);
  assert.deepEqual(await ends, ['cut', 'cut']);
  await endedAs(world, 'idle');
});

void test('the gate ends a session at its deadline by itself', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: patient });
  const { ends, echoed } = await openOne(world, { mustEndAt: clock.now() + 5_000 });
  clock.advance(4_999);
  await echoed();
  clock.advance(1);
  assert.deepEqual(await ends, ['cut', 'cut']);
  await endedAs(world, 'deadline');
});

void test('a lost link ends its sessions: device_gone', async (t) => {
  const world = await startGate(t);
  const { agent, ends } = await openOne(world);
  agent.socket.destroy();
  assert.equal((await ends)[1], 'cut');
  await endedAs(world, 'device_gone');
  await world.authority.until(() => world.authority.toldOf('/gate/links/closed').length === 1);
});

void test('a channel on a link that is gone is answered with device_offline', async (t) => {
  const world = await startGate(t);
  world.allow('lnk_00000000000000000000000000');
  const operator = await world.operator();
  assert.equal((await readProblem(await operator.open(sessionId(1)))).code, 'device_offline');
});

/** Moves the clock on until the authority was told of a registration again: the gate's retries stand on it. */
async function registeredAgain(world: GateWorld, clock: ManualClock): Promise<Record<string, unknown>> {
  const { authority } = world;
  while (authority.toldOf('/gate/register').length < 2 || !authority.hasOrders) {
    clock.advance(100);
    await turn();
  }
  return { ...authority.toldOf('/gate/register')[1] };
}

void test('a restarted authority finds links and sessions as they were', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: patient });
  const { agent, operator, echoed } = await openOne(world);
  world.authority.stop();
  await echoed();
  assert.equal((await readProblem(await operator.open(sessionId(1)))).code, 'unavailable');
  await world.authority.listen();
  const { links, sessions } = await registeredAgain(world, clock);
  assert.deepEqual(links, [{ link: agent.link, device: 'dev_1', linkNonce: 'n'.repeat(43) }]);
  assert.deepEqual(sessions, [sessionId(1)]);
  await echoed();
  assert.equal((await operator.open(sessionId(1))).status, 200);
});

void test('a restarted authority says what must not go on', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: patient });
  const { agent, ends } = await openOne(world);
  world.authority.stop();
  world.authority.answers.register = () => ({ cutSessions: [sessionId(1)], closeLinks: [agent.link] });
  await world.authority.listen();
  await registeredAgain(world, clock);
  assert.deepEqual(await ends, ['cut', 'cut']);
  await agent.served.closed;
});

void test('an authority that is gone for 15 s: everything is cut, nothing opens, and it comes back', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock });
  const { operator, ends, echoed } = await openOne(world);
  world.authority.stop();
  clock.advance(14_000);
  await echoed();
  clock.advance(1_001);
  assert.deepEqual(await ends, ['cut', 'cut']);
  assert.equal((await readProblem(await operator.open(sessionId(2)))).code, 'unavailable');
  await world.authority.listen();
  const { links, sessions } = await registeredAgain(world, clock);
  assert.equal(Array.isArray(links) && links.length, 1);
  assert.deepEqual(sessions, []);
  await endedAs(world, 'shutdown');
  assert.equal((await operator.open(sessionId(2))).status, 200);
});

void test('an authority that only falls silent cuts as well', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock });
  const { ends } = await openOne(world);
  world.authority.silence();
  clock.advance(15_000);
  assert.deepEqual(await ends, ['cut', 'cut']);
});

void test('drain: goodbye with a time to come back, live channels finish, then the gate ends', async (t) => {
  const world = await startGate(t);
  const { agent, operator, stream, echoed } = await openOne(world);
  const drained = world.gate.drain();
  await echoed();
  await assert.rejects(world.operator());
  stream.abort(new Error('done'));
  await drained;
  await world.gate.closed;
  const end = await agent.served.closed;
  assert.deepEqual(end.comeBack, { minMs: 1_000, maxMs: 10_000 });
  await operator.client.closed;
  assert.deepEqual(world.authority.toldOf('/gate/links/closed'), [{ link: agent.link, reason: 'drain' }]);
});

void test('drain: what does not finish is cut with "shutdown"', async (t) => {
  const clock = new ManualClock({ now: Date.now() });
  const world = await startGate(t, { clock, bounds: patient });
  const { ends } = await openOne(world);
  const drained = world.gate.drain();
  clock.advance(30_000);
  assert.deepEqual(await ends, ['cut', 'cut']);
  await drained;
  await endedAs(world, 'shutdown');
});
