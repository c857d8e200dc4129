import { test } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import type { Lease } from '../wire/link-statements.ts';
import type { Pass } from '../wire/pass.ts';
import { SessionTable, type EndedSession, type Seat } from './session-table.ts';

const start = 1_000_000;

interface Table {
  readonly clock: ManualClock;
  readonly table: SessionTable;
  readonly ended: EndedSession[];
  readonly terminated: string[];
  lease(seq: number, sessions: readonly string[]): void;
  /** Opens a channel in a session; what happened to it is in `cut`. */
  open(changes?: Partial<Pass>): Promise<{ readonly seat: Seat; readonly cut: string[] }>;
}

function newTable(): Table {
  const clock = new ManualClock({ now: start });
  const ended: EndedSession[] = [];
  const terminated: string[] = [];
  const table = new SessionTable({
    clock,
    now: () => clock.now(),
    openScope: async (session) => ({
      wrap: (argv) => argv,
      started: () => undefined,
      terminate: async () => {
        terminated.push(session);
        return { method: 'cgroup', processesLeft: 0 };
      },
    }),
    onEnded: async (end) => void ended.push(end),
  });
  return {
    clock,
    table,
    ended,
    terminated,
    lease(seq, sessions) {
      const now = clock.now();
      const lease: Lease = {
        device: 'dev_1',
        linkNonce: 'nonce',
        seq,
        lockVersion: 1,
        sessions,
        issuedAt: now,
        validUntil: now + limits.leaseLifeMs,
      };
      table.acceptLease(lease);
    },
    async open(changes = {}) {
      const seat = await table.enter(passOf({ issuedAt: clock.now(), ...changes }));
      assert.ok(seat !== undefined);
      const cut: string[] = [];
      assert.equal(seat.take({ isOver: false, abort: (error) => void cut.push(error.message) }), true);
      return { seat, cut };
    },
  };
}

function passOf(changes: Partial<Pass> = {}): Pass {
  return {
    device: 'dev_1',
    kind: 'exec',
    target: 'pump-7',
    paramsHash: '',
    identity: 'idn_1',
    name: 'ana',
    session: 'ses_a',
    n: 0,
    cnf: '',
    via: 'operator',
    linkNonce: 'nonce',
    leaseSeq: 1,
    issuedAt: start,
    startBy: start + 60_000,
    mustEndAt: start + 3_600_000,
    idleMs: 1_800_000,
    stateEpoch: 1,
    logSize: 0,
    ...changes,
  };
}

/** Lets what was started at once come to its end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a lease that does not list a session cuts it: bytes at once, then processes, then the receipt', async () => {
  const world = newTable();
  world.lease(1, []);
  const { cut } = await world.open();
  world.lease(2, []);
  assert.deepEqual(cut, ['the session has ended: not_leased']);
  await settle();
  assert.deepEqual(world.terminated, ['ses_a']);
  assert.deepEqual(world.ended, [
    {
      method: 'cgroup',
      processesLeft: 0,
      session: 'ses_a',
      channels: 1,
      socketsLeft: 0,
      cause: 'not_leased',
    },
  ]);
});

test('a withheld lease cuts everything, no later than 30 s after the last word of the authority', async () => {
  const world = newTable();
  world.lease(1, []);
  const { cut } = await world.open();
  world.lease(2, ['ses_a']);
  world.clock.advance(limits.leaseLifeMs);
  assert.deepEqual(cut, []);
  world.clock.advance(limits.sessionLookMs);
  assert.deepEqual(cut, ['the session has ended: lease_expired']);
});

test('a session on a link without a fresh lease lives for the life of a lease, and longer once it is listed', async () => {
  const world = newTable();
  world.lease(1, []);
  world.clock.advance(3_000_000);
  const { cut } = await world.open();
  world.clock.advance(limits.leaseIntervalMs);
  world.lease(2, ['ses_a']);
  world.clock.advance(limits.leaseLifeMs);
  assert.deepEqual(cut, []);
});

test('a session ends at its deadline, to within one look', async () => {
  const world = newTable();
  world.lease(1, []);
  const { cut } = await world.open({ mustEndAt: start + 20_000 });
  world.clock.advance(20_000 - limits.sessionLookMs);
  assert.deepEqual(cut, []);
  world.clock.advance(limits.sessionLookMs * 2);
  assert.deepEqual(cut, ['the session has ended: deadline']);
});

test('a later pass may shorten a session, never lengthen it', async () => {
  const world = newTable();
  world.lease(1, []);
  const { cut } = await world.open({ mustEndAt: start + 10_000 });
  await world.open({ n: 1, mustEndAt: start + 20_000 });
  world.clock.advance(10_000 + limits.sessionLookMs);
  assert.deepEqual(cut, ['the session has ended: deadline']);
});

test('a session is idle when no byte moved for its limit; bytes either way keep it', async () => {
  const world = newTable();
  world.lease(1, []);
  const { seat, cut } = await world.open({ idleMs: 5_000 });
  for (let second = 0; second < 12; second += 4) {
    world.clock.advance(4_000);
    seat.countBytes(1);
  }
  assert.deepEqual(cut, []);
  world.clock.advance(5_000 + limits.sessionLookMs * 2);
  assert.deepEqual(cut, ['the session has ended: idle']);
});

test('I16 an ended session takes no further pass, also under the lease that it ended under', async () => {
  const world = newTable();
  world.lease(1, []);
  await world.open({ idleMs: 1_000 });
  assert.equal(world.table.isLeased(passOf({ n: 1 })), true);
  world.clock.advance(2_000);
  assert.equal(world.table.isLeased(passOf({ n: 1 })), false);
  world.lease(2, ['ses_a']);
  assert.equal(world.table.isLeased(passOf({ n: 2, leaseSeq: 2 })), false);
});

test('a session whose channels were over is finished, not cut', async () => {
  const world = newTable();
  world.lease(1, []);
  const channel = { isOver: false, abort: () => assert.fail('nothing to cut') };
  const seat = await world.table.enter(passOf());
  seat?.take(channel);
  seat?.leave();
  world.lease(2, []);
  await settle();
  assert.equal(world.ended[0]?.cause, 'finished');
});

test('a channel that was starting when its session ended finds no place', async () => {
  const world = newTable();
  world.lease(1, []);
  const seat = await world.table.enter(passOf());
  world.lease(2, []);
  assert.equal(seat?.take({ isOver: false, abort: () => undefined }), false);
});

test('numbers of different sessions are apart, and a session keeps its own over a lease', async () => {
  const world = newTable();
  world.lease(1, []);
  await world.open();
  assert.equal(world.table.useNumber('ses_a', 5), true);
  assert.equal(world.table.useNumber('ses_b', 5), true);
  world.lease(2, ['ses_a']);
  assert.equal(world.table.useNumber('ses_a', 5), false);
});

test('closing ends every session, lets none begin, and leaves no timer', async () => {
  const world = newTable();
  world.lease(1, []);
  const { cut } = await world.open();
  await world.open({ session: 'ses_b' });
  await world.table.close('link_lost');
  assert.deepEqual(cut, ['the session has ended: link_lost']);
  assert.deepEqual(
    world.ended.map(({ session, cause }) => [session, cause]),
    [
      ['ses_a', 'link_lost'],
      ['ses_b', 'link_lost'],
    ],
  );
  assert.equal(world.table.isLeased(passOf({ session: 'ses_c' })), false);
  assert.equal(world.clock.pendingTimers, 0);
});

test('one device carries only so many sessions', async () => {
  const world = newTable();
  world.lease(1, []);
  for (let n = 0; n < limits.sessionsPerDeviceMax; n++) await world.open({ session: `ses_${n}` });
  assert.equal(await world.table.enter(passOf({ session: 'ses_more' })), undefined);
  await world.table.close('agent_stopped');
});

test('one session carries only so many channels, also when all are asked for at once', async () => {
  const world = newTable();
  world.lease(1, []);
  const asked = Array.from({ length: limits.channelsPerSessionMax + 20 }, (_, n) =>
    world.table.enter(passOf({ n })),
  );
  const seats = (await Promise.all(asked)).filter((seat) => seat !== undefined);
  assert.equal(seats.length, limits.channelsPerSessionMax);
  // A place is free again whether a channel ran in it or its service never started.
  const [started, refused] = seats;
  started?.take({ isOver: false, abort: () => undefined });
  started?.leave();
  refused?.leave();
  const next = Array.from({ length: 3 }, (_, n) => world.table.enter(passOf({ n: 2_000 + n })));
  assert.equal((await Promise.all(next)).filter((seat) => seat !== undefined).length, 2);
  await world.table.close('agent_stopped');
});

test('a channel whose session finds no room for processes leaves its place', async () => {
  const clock = new ManualClock({ now: start });
  const table = new SessionTable({
    clock,
    now: () => clock.now(),
    openScope: () => Promise.reject(new Error('no cgroup')),
    onEnded: async () => undefined,
  });
  for (let n = 0; n <= limits.channelsPerSessionMax; n++) {
    await assert.rejects(table.enter(passOf({ n })), /no cgroup/);
  }
  await table.close('agent_stopped');
});
