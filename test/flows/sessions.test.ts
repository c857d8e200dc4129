// A session's life in the authority: opened by policy, one channel at a time, ended by every reason that
// this version knows, and what the log says of it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { closeUnconfirmed } from '../../src/authority/sessions/missing-receipts.ts';
import { channelsClosed } from '../../src/authority/sessions/channels-closed.ts';
import { endSession } from '../../src/authority/sessions/end-session.ts';
import { liftLock, placeLock } from '../../src/authority/sessions/place-lock.ts';
import { receiveReceipt } from '../../src/authority/sessions/receive-receipt.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import { startLeases } from '../../src/authority/sessions/leases.ts';
import { SallyportError } from '../../src/core/errors.ts';
import type { SessionId } from '../../src/core/ids.ts';
import { limits } from '../../src/core/limits.ts';
import type { Session } from '../../src/core/session-record.ts';
import { readLease } from '../../src/wire/link-statements.ts';
import { readPass } from '../../src/wire/pass.ts';
import { keyFinder } from '../../src/wire/keyset.ts';
import { keyId, signStatement, verifyStatement } from '../../src/wire/signed.ts';
import { createPublicKey } from 'node:crypto';
import { codeOf } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  open,
  operatorsPolicy,
  settle,
  usePolicy,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

let world: World;
let ana: Person;
let pump: LinkedDevice;

beforeEach(async () => {
  world = await makeWorld();
  ana = await addPerson(world, 'ana');
  pump = await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

const system = { kind: 'system', id: 'test' } as const;

async function openLive(): Promise<{ readonly id: SessionId; readonly linkNonce: string }> {
  const opened = await open(world, ana, 'pump-7');
  await channel(world, ana, { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce });
  return { id: opened.session.id as SessionId, linkNonce: opened.linkNonce };
}

async function stored(id: string): Promise<Session> {
  const found = await world.store.get('session', id);
  assert.ok(found);
  return found.value;
}

/** As the device states it, unless told otherwise. */
function receiptFor(session: SessionId, signer: LinkedDevice = pump, device: LinkedDevice = pump): string {
  return signStatement(
    'receipt',
    {
      device: device.device.id,
      session,
      method: 'cgroup',
      processesLeft: 0,
      socketsLeft: 0,
      channels: 1,
      cause: 'not_leased',
      endedAt: world.clock.now(),
    },
    { kid: keyId(createPublicKey(signer.key)), privateKey: signer.key },
  );
}

test('a session is on the log before its first byte, with the policy that allowed it', async () => {
  const opened = await open(world, ana, 'pump-7');
  assert.deepEqual(opened.session.policies, ['work']);
  assert.deepEqual(await logged(world), ['policy.decided', 'session.issued']);
  const accepted = await channel(world, ana, {
    session: opened.session.id,
    target: 'pump-7',
    linkNonce: opened.linkNonce,
  });
  assert.deepEqual((await logged(world)).slice(2), ['session.started', 'channel.opened']);
  assert.equal(accepted.link, pump.link.id);
  assert.equal((await stored(opened.session.id)).state, 'active');
});

test('the pass names device, session, key, link and parameters, and verifies against the keyset', async () => {
  const opened = await open(world, ana, 'pump-7');
  const { pass } = await channel(world, ana, {
    session: opened.session.id,
    target: 'pump-7',
    linkNonce: opened.linkNonce,
    n: 5,
  });
  const verified = verifyStatement('pass', pass, keyFinder(world.ctx.pki.keyset, 'pass'));
  const read = verified.ok ? readPass(verified.payload) : undefined;
  assert.equal(read?.device, pump.device.id);
  assert.equal(read?.session, opened.session.id);
  assert.equal(read?.n, 5);
  assert.equal(read?.cnf, ana.caller.spki);
  assert.equal(read?.linkNonce, opened.linkNonce);
  assert.equal(read?.mustEndAt, world.clock.now() + 3_600_000);
  assert.equal(read?.idleMs, 300_000);
});

test('R-010 a linked device without a policy grants nothing', async () => {
  const bare = await makeWorld(null);
  try {
    const eve = await addPerson(bare, 'eve');
    await addDevice(bare, 'pump-7');
    assert.equal(await codeOf(open(bare, eve, 'pump-7')), 'not_found');
  } finally {
    await bare.close();
  }
});

test('unknown, not discoverable and of another tenant are one answer, word for word', async () => {
  const eve = await addPerson(world, 'eve', []);
  const answers: string[] = [];
  for (const attempt of [open(world, eve, 'pump-7'), open(world, ana, 'pump-8')]) {
    await attempt.catch((error: unknown) => {
      assert.ok(error instanceof SallyportError);
      answers.push(`${error.code} ${error.message.replace(/pump-\d/, 'X')} ${error.next ?? ''}`);
    });
  }
  assert.equal(answers.length, 2);
  assert.equal(answers[0], answers[1]);
  assert.deepEqual(await logged(world), ['session.denied(not_found)', 'session.denied(not_found)']);
});

test('R-015 whether a device is online is told only to those whom policy lets in', async () => {
  await addDevice(world, 'valve-1', 'paris');
  const offline = world.ctx.gates.linkOf(pump.device.id);
  assert.ok(offline);
  assert.equal(await codeOf(open(world, ana, 'valve-1')), 'denied');
  const valve = world.ctx.gates.links();
  for (const link of valve) world.ctx.gates.dropLink(link.id);
  assert.equal(await codeOf(open(world, ana, 'valve-1')), 'denied');
  assert.equal(await codeOf(open(world, ana, 'pump-7')), 'device_offline');
});

test('I16 a session that ended accepts no channel one second later', async () => {
  const { id, linkNonce } = await openLive();
  await endSession(world.ctx, { session: id, reason: 'exit', by: system });
  world.clock.advance(1_000);
  assert.equal(
    await codeOf(channel(world, ana, { session: id, target: 'pump-7', linkNonce, n: 2 })),
    'pass_expired',
  );
});

test('a channel needs the signature of the key that opened the session', async () => {
  const eve = await addPerson(world, 'eve');
  const { id, linkNonce } = await openLive();
  assert.equal(
    await codeOf(channel(world, eve, { session: id, target: 'pump-7', linkNonce, n: 2 })),
    'open_signature',
  );
  assert.equal((await logged(world)).at(-1), 'channel.refused(open_signature)');
});

test('L8 a channel for something else than its session was decided for is refused and logged', async () => {
  await addDevice(world, 'pump-8');
  const { id, linkNonce } = await openLive();
  const ask = { session: id, target: 'pump-7', linkNonce, n: 2 };
  assert.equal(await codeOf(channel(world, ana, { ...ask, target: 'pump-8' })), 'pass_kind');
  assert.equal(await codeOf(channel(world, ana, { ...ask, linkNonce: 'nonce-of-pump-8' })), 'pass_link');
  assert.equal(
    await codeOf(channel(world, ana, { ...ask, sentParams: { kind: 'exec', argv: ['reboot'], env: {} } })),
    'pass_params',
  );
  const shell = { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} } as const;
  assert.equal(await codeOf(channel(world, ana, { ...ask, params: shell })), 'pass_kind');
  assert.equal(await codeOf(channel(world, ana, { ...ask, gate: 'gate-2' })), 'not_found');
  assert.equal((await logged(world)).filter((line) => line.startsWith('channel.refused')).length, 5);
});

test('R-049 the OS user on the device is the one that policy names, and no other', async () => {
  const asRoot = { kind: 'exec', argv: ['true'], env: {}, user: 'root' } as const;
  assert.equal(await codeOf(open(world, ana, 'pump-7', asRoot)), 'denied');
  usePolicy(world, operatorsPolicy.replace('@id("work")', '@id("work") @user("svc")'));
  assert.equal(await codeOf(open(world, ana, 'pump-7', asRoot)), 'denied');
  const opened = await open(world, ana, 'pump-7');
  assert.equal(opened.user, 'svc');
  const ask = { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce };
  assert.equal(await codeOf(channel(world, ana, ask)), 'pass_params');
  await channel(world, ana, { ...ask, params: { ...asRoot, user: 'svc' } });
});

test("L7 an open that comes by another person's connection is refused, though its signature is good", async () => {
  const eve = await addPerson(world, 'eve');
  const { id, linkNonce } = await openLive();
  const ask = { session: id, target: 'pump-7', linkNonce, n: 2 };
  assert.equal(await codeOf(channel(world, ana, { ...ask, connectedAs: eve })), 'open_signature');
  assert.equal((await logged(world)).at(-1), 'channel.refused(open_signature)');
  await channel(world, ana, ask);
});

test('L8 a command with stricter terms than its session was opened under needs a session of its own', async () => {
  const byCommand = (terms: string): string => `
@id("see") permit (principal, action == Action::"discover", resource);
@id("look") @maxSession("1h") @idle("5m")
permit (principal, action == Action::"exec", resource) when { context has command && context.command == "uptime" };
@id("touch") ${terms}
permit (principal, action == Action::"exec", resource) when { context has command && context.command == "reboot" };`;
  const look = { kind: 'exec', argv: ['uptime'], env: {} } as const;
  const touch = { kind: 'exec', argv: ['reboot'], env: {} } as const;
  for (const [terms, isRefused] of [
    ['@maxSession("1m") @idle("5m")', true],
    ['@maxSession("1h") @idle("10s")', true],
    ['@maxSession("1h") @idle("5m") @user("svc")', true],
    ['@maxSession("8h") @idle("10m")', false],
  ] as const) {
    usePolicy(world, byCommand(terms));
    const opened = await open(world, ana, 'pump-7', look);
    const ask = { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce };
    await channel(world, ana, { ...ask, params: look });
    const second = channel(world, ana, { ...ask, n: 2, params: touch });
    if (isRefused) assert.equal(await codeOf(second), 'denied', terms);
    else await second;
  }
});

test('every channel is decided again: a policy that changed since refuses the next one', async () => {
  const { id, linkNonce } = await openLive();
  usePolicy(world, operatorsPolicy.replace('lyon', 'paris'));
  assert.equal(
    await codeOf(channel(world, ana, { session: id, target: 'pump-7', linkNonce, n: 2 })),
    'denied',
  );
});

test('a lock on the device, the identity or the session cuts at once, before it is on the log', async () => {
  for (const selector of [
    { kind: 'device', id: pump.device.id },
    { kind: 'identity', id: ana.identity.id },
  ] as const) {
    const { id } = await openLive();
    world.orders.length = 0;
    const placing = placeLock(world.ctx, {
      tenant: 'default',
      selector,
      reason: 'stolen',
      by: system,
      createdBy: 'system',
    });
    assert.deepEqual(world.orders[0], { type: 'cut', sessions: [id], reason: 'lock' });
    const placed = await placing;
    assert.deepEqual(placed.cut, [id]);
    const session = await stored(id);
    assert.equal(session.endReason, 'lock');
    assert.match(session.endDetail ?? '', /stolen/);
    assert.equal(await codeOf(open(world, ana, 'pump-7')), 'locked');
    assert.equal(await liftLock(world.ctx, { lock: placed.lock.id, by: system }), true);
  }
});

test('the lease that follows a cut no longer lists the session, and its number rises', async () => {
  const first = await openLive();
  const second = await openLive();
  world.orders.length = 0;
  await endSession(world.ctx, { session: first.id, reason: 'exit', by: system });
  const before = pump.link.leaseSeq;
  await endSession(world.ctx, { session: second.id, reason: 'exit', by: system });
  const leases = world.orders
    .flatMap((order) => (order.type === 'lease' ? [order.lease] : []))
    .map((text) => {
      const verified = verifyStatement('lease', text, keyFinder(world.ctx.pki.keyset, 'pass'));
      return verified.ok ? readLease(verified.payload) : undefined;
    });
  assert.deepEqual(
    leases.map((lease) => lease?.sessions),
    [[second.id], []],
  );
  assert.ok(pump.link.leaseSeq > before);
});

test('leases are renewed every 10 s while a link carries something, and not otherwise', async () => {
  const stop = startLeases(world.ctx);
  world.clock.advance(10_000);
  assert.equal(world.orders.filter((order) => order.type === 'lease').length, 0);
  await openLive();
  world.clock.advance(30_000);
  assert.equal(world.orders.filter((order) => order.type === 'lease').length, 3);
  stop();
});

test('R-042 a session is cut when it must end, and one that never started when its start-by passes', async () => {
  const unstarted = await open(world, ana, 'pump-7');
  const { id } = await openLive();
  world.clock.advance(60_001);
  await settle();
  assert.equal((await stored(unstarted.session.id)).endReason, 'deadline');
  assert.equal((await stored(unstarted.session.id)).state, 'closed');
  assert.equal((await stored(id)).state, 'active');
  world.clock.advance(3_600_000);
  await settle();
  assert.equal((await stored(id)).endReason, 'deadline');
});

test('R-085 a policy that no longer allows a live session cuts it', async () => {
  const { id } = await openLive();
  await reviewSessions(world.ctx);
  assert.equal((await stored(id)).state, 'active');
  usePolicy(world, operatorsPolicy.replace('lyon', 'paris'));
  await reviewSessions(world.ctx);
  assert.equal((await stored(id)).endReason, 'policy');
});

test('with the disk full nothing opens, a lock still cuts, and both are on the log once there is room', async () => {
  const { id } = await openLive();
  world.store.setFull(true);
  await assert.rejects(open(world, ana, 'pump-7'));
  const placed = await placeLock(world.ctx, {
    tenant: 'default',
    selector: { kind: 'device', id: pump.device.id },
    reason: 'stolen',
    by: system,
    createdBy: 'system',
  });
  assert.deepEqual(placed.cut, [id]);
  assert.equal((await stored(id)).endReason, 'lock');
  world.store.setFull(false);
  assert.equal(await codeOf(open(world, ana, 'pump-7')), 'locked');
  const log = await logged(world);
  for (const line of ['lock.created', 'session.ended(lock)', 'audit.reserve_replayed'])
    assert.ok(log.includes(line), line);
});

test('R-046 the signed receipt of the device closes the session; a foreign one does not', async () => {
  const { id } = await openLive();
  await endSession(world.ctx, { session: id, reason: 'exit', by: system });
  assert.equal((await stored(id)).state, 'terminating');
  const other = await addDevice(world, 'pump-8');
  assert.equal(
    await codeOf(receiveReceipt(world.ctx, other.caller, receiptFor(id, other, other))),
    'not_found',
  );
  assert.equal(await codeOf(receiveReceipt(world.ctx, pump.caller, receiptFor(id, other))), 'invalid');
  await receiveReceipt(world.ctx, pump.caller, receiptFor(id));
  await receiveReceipt(world.ctx, pump.caller, receiptFor(id));
  const session = await stored(id);
  assert.equal(session.state, 'closed');
  assert.equal(session.teardown, 'confirmed');
  assert.equal((await logged(world)).filter((line) => line.startsWith('teardown.confirmed')).length, 1);
});

test('a session that the owner of its device ended says so: cut by him, or longer than he allows', async () => {
  for (const [cause, reason, detail] of [
    ['owner_cut', 'device_gone', 'cut on the device by its owner'],
    ['owner_limit', 'deadline', "the longest session that the device's owner allows"],
  ] as const) {
    const { id } = await openLive();
    const payload = {
      device: pump.device.id,
      session: id,
      method: 'process_group',
      processesLeft: 0,
      socketsLeft: 0,
      channels: 1,
      cause,
      endedAt: world.clock.now(),
    };
    const signer = { kid: keyId(createPublicKey(pump.key)), privateKey: pump.key };
    await receiveReceipt(world.ctx, pump.caller, signStatement('receipt', payload, signer));
    const { state, endReason, endDetail } = await stored(id);
    assert.deepEqual([state, endReason, endDetail], ['closed', reason, detail]);
    assert.ok((await logged(world)).includes(`teardown.confirmed(${cause})`));
  }
});

test('R-046 a receipt that comes while the cut is still being written confirms the teardown', async () => {
  const { id } = await openLive();
  const selector = { kind: 'device', id: pump.device.id } as const;
  const placing = placeLock(world.ctx, {
    tenant: 'default',
    selector,
    reason: 'stolen',
    by: system,
    createdBy: 'system',
  });
  await receiveReceipt(world.ctx, pump.caller, receiptFor(id));
  await placing;
  const session = await stored(id);
  assert.deepEqual([session.state, session.teardown, session.endReason], ['closed', 'confirmed', 'lock']);
});

test('a receipt for an end that could not be recorded is to be sent again', async () => {
  const { id } = await openLive();
  const failing = Object.assign(Object.create(world.store) as typeof world.store, {
    get: world.store.get.bind(world.store),
    commitCut: () => Promise.reject(new Error('the reserve is full')),
  });
  const end = { session: id, reason: 'idle', by: system } as const;
  const failingCtx = { ...world.ctx, store: failing };
  await assert.rejects(endSession({ ...failingCtx, whole: failingCtx }, end));
  assert.equal(await codeOf(receiveReceipt(world.ctx, pump.caller, receiptFor(id))), 'unavailable');
});

test('a session without a receipt closes unconfirmed after 24 h, and the log says so', async () => {
  const { id } = await openLive();
  await endSession(world.ctx, { session: id, reason: 'exit', by: system });
  world.clock.advance(24 * 3_600_000 - 1);
  await closeUnconfirmed(world.ctx);
  assert.equal((await stored(id)).teardown, 'pending');
  world.clock.advance(2);
  await closeUnconfirmed(world.ctx);
  assert.equal((await stored(id)).teardown, 'unconfirmed');
  assert.equal((await logged(world)).at(-1), 'teardown.unconfirmed');
});

test('what channels moved is added to their session and on the log with their exits', async () => {
  const { id } = await openLive();
  const moved = { ended: 'clean', bytesUp: 10, bytesDown: 20 } as const;
  const closed = {
    session: id,
    channels: [
      { nth: 0, n: 1, ...moved, exit: { code: 3 } },
      { nth: 1, n: 3, ...moved, ended: 'cut' },
    ],
  } as const;
  await channelsClosed(world.ctx, 'gate-1', closed);
  await channelsClosed(world.ctx, 'gate-2', closed);
  const session = await stored(id);
  assert.deepEqual([session.channels, session.bytesUp, session.bytesDown], [2, 20, 40]);
  const events = await world.store.events({ session: id, types: ['channel.closed'] }, { limit: 10 });
  assert.deepEqual(
    events.map(({ code, body }) => [body['n'], code, body['exitCode']]),
    [
      [1, 'clean', 3],
      [3, 'cut', undefined],
    ],
  );
});

test('ends of channels that are told twice count once, and what is new beside them counts', async () => {
  const { id } = await openLive();
  const end = (nth: number) => ({ nth, n: nth + 1, ended: 'clean', bytesUp: 1, bytesDown: 2 }) as const;
  const tell = async (...channels: ReturnType<typeof end>[]) =>
    await channelsClosed(world.ctx, 'gate-1', { session: id, channels });
  await tell(end(0), end(1));
  await tell(end(0), end(1), end(2));
  await tell(end(2));
  const session = await stored(id);
  assert.deepEqual([session.channels, session.bytesUp, session.bytesDown], [3, 3, 6]);
  const events = await world.store.events({ session: id, types: ['channel.closed'] }, { limit: 10 });
  assert.equal(events.length, 3);
});

test('fifty channels of one session at the same instant are each decided once', async () => {
  const opened = await open(world, ana, 'pump-7');
  const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
  const accepted = await Promise.all(
    numbers.map(
      async (n) =>
        await channel(world, ana, {
          session: opened.session.id,
          target: 'pump-7',
          linkNonce: opened.linkNonce,
          n,
        }),
    ),
  );
  assert.deepEqual(
    accepted.map((one) => one.n),
    numbers,
  );
  assert.equal((await logged(world)).filter((line) => line === 'channel.opened').length, 50);
});

test('a flow leaves no timer behind', async () => {
  const { id } = await openLive();
  await endSession(world.ctx, { session: id, reason: 'exit', by: system });
  assert.equal(world.clock.pendingTimers, 0);
  assert.equal(world.ctx.sessions.size, 0);
  assert.equal(pump.link.sessions.size, 0);
});

test('a person has only so many sessions, also when all are asked for at once', async () => {
  const more = 20;
  const asked = Array.from({ length: limits.sessionsPerIdentityMax + more }, () =>
    open(world, ana, 'pump-7'),
  );
  const outcomes = await Promise.allSettled(asked);
  const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  assert.equal(opened.length, limits.sessionsPerIdentityMax);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected')
      assert.equal(await codeOf(Promise.reject(outcome.reason)), 'rate_limited');
  }
  const denied = await world.store.events({ types: ['session.denied'] }, { limit: 100 });
  assert.equal(denied.filter((event) => event.code === 'rate_limited').length, more);
  // One that ended makes room for one.
  await endSession(world.ctx, { session: opened[0]?.session.id as SessionId, reason: 'exit', by: system });
  const next = await Promise.allSettled([open(world, ana, 'pump-7'), open(world, ana, 'pump-7')]);
  assert.deepEqual(next.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a session that could not be recorded takes no place', async () => {
  world.store.failNext();
  await assert.rejects(open(world, ana, 'pump-7'));
  assert.equal(world.ctx.sessions.countOf(ana.identity.id), 0);
  await open(world, ana, 'pump-7');
  assert.equal(world.ctx.sessions.countOf(ana.identity.id), 1);
});
