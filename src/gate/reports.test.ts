// Reports reach the authority in order, once it is there, and never grow without bound.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SallyportError } from '../core/errors.ts';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { limits } from '../core/limits.ts';
import { Reports, type Happening, type Report } from './reports.ts';

const end = (n: number) => ({ n, ended: 'clean', bytesUp: 0, bytesDown: 0 }) as const;
const closed = (session: string, n: number): Happening => ({
  path: '/gate/channels/closed',
  body: { session, ...end(n) },
});
const closedTogether = (session: string, ...numbers: readonly number[]): Report => ({
  path: '/gate/channels/closed',
  body: { session, channels: numbers.map(end) },
});
const ended = (session: string): Extract<Report, { path: '/gate/sessions/ended' }> => ({
  path: '/gate/sessions/ended',
  body: { session, reason: 'exit' },
});

function setUp(answer: (report: Report) => Promise<void>) {
  const clock = new ManualClock();
  const sent: Report[] = [];
  const reports = new Reports({
    clock,
    log: silentLog,
    subjectsMax: 3,
    retryMs: 1_000,
    send: async (report) => {
      sent.push(report);
      await answer(report);
    },
  });
  return { clock, sent, reports };
}

void test('a session’s end never overtakes its channels, and other sessions do not wait', async () => {
  const gates: (() => void)[] = [];
  const { reports, sent } = setUp(() => new Promise((resolve) => gates.push(resolve)));
  for (const happening of [closed('ses_a', 1), ended('ses_a'), ended('ses_b')]) reports.add(happening);
  assert.deepEqual(sent, [closedTogether('ses_a', 1), ended('ses_b')]);
  gates[0]?.();
  await turn();
  assert.deepEqual(sent, [closedTogether('ses_a', 1), ended('ses_b'), ended('ses_a')]);
});

void test('ends of channels are gathered for a moment, each session’s together, in their order', async () => {
  const { reports, sent, clock } = setUp(async () => undefined);
  for (const [session, n] of [
    ['ses_a', 2],
    ['ses_b', 1],
    ['ses_a', 1],
  ] as const)
    reports.add(closed(session, n));
  await turn();
  assert.deepEqual(sent, []);
  clock.advance(limits.reportGatherMs);
  await turn();
  assert.deepEqual(sent, [closedTogether('ses_a', 2, 1), closedTogether('ses_b', 1)]);
  reports.add(closed('ses_a', 3));
  await turn();
  assert.equal(sent.length, 2);
  await reports.whenTold();
  assert.deepEqual(sent.at(-1), closedTogether('ses_a', 3));
  assert.equal(clock.pendingTimers, 0);
});

void test('what ends while others are being told is told after them', async () => {
  const gates: (() => void)[] = [];
  const { reports, sent, clock } = setUp(() => new Promise((resolve) => gates.push(resolve)));
  reports.add(closed('ses_a', 1));
  clock.advance(limits.reportGatherMs);
  reports.add(closed('ses_a', 2));
  reports.add(closed('ses_a', 3));
  gates[0]?.();
  await turn();
  assert.deepEqual(sent, [closedTogether('ses_a', 1)]);
  clock.advance(limits.reportGatherMs);
  await turn();
  assert.deepEqual(sent, [closedTogether('ses_a', 1), closedTogether('ses_a', 2, 3)]);
  reports.close();
});

void test('what could not be told is told again, in its order', async () => {
  let isThere = false;
  const { reports, sent, clock } = setUp(async () => {
    if (!isThere) throw new SallyportError('unavailable', 'gone');
  });
  reports.add(closed('ses_a', 1));
  reports.add(ended('ses_a'));
  await turn();
  assert.equal(reports.pending, 1);
  clock.advance(1_000);
  await turn();
  isThere = true;
  sent.length = 0;
  reports.flush();
  await reports.whenTold();
  assert.deepEqual(sent, [closedTogether('ses_a', 1), ended('ses_a')]);
  assert.equal(clock.pendingTimers, 0);
});

void test('what the authority refuses is not told again', async () => {
  const { reports, sent } = setUp(async () => {
    throw new SallyportError('not_found', 'who?');
  });
  reports.add(ended('ses_a'));
  await reports.whenTold();
  assert.equal(sent.length, 1);
});

void test('an authority that never comes back costs a bounded number of reports', async () => {
  const { reports } = setUp(async () => {
    throw new SallyportError('unavailable', 'gone');
  });
  for (let n = 0; n < 100; n++) reports.add(ended(`ses_${n}`));
  await turn();
  assert.equal(reports.pending, 3);
  reports.close();
});
