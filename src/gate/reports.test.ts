// Reports reach the authority in order, once it is there, and never grow without bound.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SallyportError } from '../core/errors.ts';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { Reports, type Report } from './reports.ts';

const closed = (session: string, n: number): Report => ({
  path: '/gate/channels/closed',
  body: { session, n, ended: 'clean', bytesUp: 0, bytesDown: 0 },
});
const ended = (session: string): Report => ({
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
  const gates = new Map<Report, () => void>();
  const { reports, sent } = setUp((report) => new Promise((resolve) => gates.set(report, resolve)));
  const [a1, a2, b1] = [closed('ses_a', 1), ended('ses_a'), closed('ses_b', 1)];
  for (const report of [a1, a2, b1]) reports.add(report);
  assert.deepEqual(sent, [a1, b1]);
  gates.get(a1)?.();
  await turn();
  assert.deepEqual(sent, [a1, b1, a2]);
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
  assert.deepEqual(sent, [closed('ses_a', 1), ended('ses_a')]);
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
