// The book of what the gate carries: seats, ends, and who is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../platform/manual-clock.ts';
import { SessionEnded, Sessions } from './sessions.ts';

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const sessions = new Sessions({
    clock,
    onEnded: (session, reason) => told.push(`${session} ${reason}`),
  });
  const operator = {};
  const start = {
    session: 'ses_1',
    operator,
    link: 'lnk_1',
    idleMs: 8_000,
    mustEndAt: clock.now() + 3_600_000,
  };
  return { clock, told, sessions, operator, start };
}

void test('a cut aborts every seat with its reason, tells nobody, and the session never comes back', () => {
  const { sessions, start, told, clock } = setUp();
  const [first, second] = [sessions.seat(start), sessions.seat(start)];
  sessions.cut('ses_1', 'lock');
  for (const seat of [first, second]) {
    assert.ok(seat?.signal.reason instanceof SessionEnded);
    assert.equal(seat.signal.reason.reason, 'lock');
    seat.leave(false);
  }
  assert.deepEqual([sessions.ids, told, clock.pendingTimers], [[], [], 0]);
  assert.equal(sessions.seat(start), undefined);
  assert.ok(sessions.hasEnded('ses_1'));
});

void test('a cut that comes before the session does is remembered', () => {
  const { sessions, start } = setUp();
  sessions.cut('ses_1', 'lock');
  assert.equal(sessions.seat(start), undefined);
});

void test('an end is told when the last channel has left', async () => {
  const { sessions, start, told } = setUp();
  const seat = sessions.seat(start);
  sessions.linkLost('lnk_other');
  sessions.linkLost('lnk_1');
  await turn();
  assert.deepEqual(told, []);
  seat?.leave(false);
  seat?.leave(false);
  await turn();
  assert.deepEqual(told, ['ses_1 device_gone']);
});

void test('an operator who leaves after clean channels ends with exit, after a cut one with operator_gone', async () => {
  for (const [isClean, reason] of [
    [true, 'exit'],
    [false, 'operator_gone'],
  ] as const) {
    const { sessions, start, told, operator } = setUp();
    const [first, last] = [sessions.seat(start), sessions.seat(start)];
    first?.leave(true);
    sessions.operatorLeft(operator);
    last?.leave(isClean);
    await turn();
    assert.deepEqual(told, [`ses_1 ${reason}`]);
  }
});

void test('bytes keep a session from being idle, their absence does not', async () => {
  const { sessions, start, told, clock } = setUp();
  const seat = sessions.seat(start);
  for (let n = 0; n < 5; n++) {
    clock.advance(7_000);
    seat?.count(1);
  }
  assert.deepEqual(sessions.ids, ['ses_1']);
  // Noticed at the latest an eighth of the limit late.
  clock.advance(8_000 + 1_000);
  seat?.leave(false);
  await turn();
  assert.deepEqual(told, ['ses_1 idle']);
});

void test('the deadline is wall time: a clock set back puts it off, one set forward is seen at the next look', async () => {
  const { sessions, start, told, clock } = setUp();
  sessions.seat({ ...start, idleMs: 10_000_000_000, mustEndAt: clock.now() + 10_000 })?.leave(true);
  clock.setNow(clock.now() - 5_000);
  clock.advance(10_000);
  assert.deepEqual(sessions.ids, ['ses_1']);
  clock.advance(5_000);
  await turn();
  assert.deepEqual(told, ['ses_1 deadline']);
});

void test('another connection gets no seat in a session', () => {
  const { sessions, start } = setUp();
  sessions.seat(start);
  assert.equal(sessions.seat({ ...start, operator: {} }), undefined);
  assert.equal(sessions.hasEnded('ses_1'), false);
});
