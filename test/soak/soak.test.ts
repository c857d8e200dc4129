// A short soak (soak.ts); `npm run soak` is the long one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from './soak.ts';

const agents = 24;

test('through kills, locks and sessions nothing is left, and nothing grows', async (t) => {
  const report = await soak({
    agents,
    crowds: 3,
    durationMs: 24_000,
    checks: 2,
    seed: 'short',
    onProgress: (line) => t.diagnostic(line),
  });
  t.diagnostic(JSON.stringify(report.counts));
  const [first, , last] = report.settled;
  assert.ok(first !== undefined && last !== undefined);
  for (const settled of report.settled) {
    assert.deepEqual([settled.linked, settled.liveSessions, settled.processes], [agents, 0, 0]);
  }
  assert.equal(report.rows['device'], agents);
  assert.equal(report.rows['lock'], 0);
  assert.ok((report.rows['credential'] ?? Infinity) <= 2 * (agents + 2), 'credentials do not pile up');
  assert.ok((report.rows['enrollment'] ?? Infinity) <= 10, 'used invites do not pile up');
  for (const part of ['authority', 'gate', 'crowd'] as const) {
    assert.ok(last.files[part] <= first.files[part] + 2, `open files of the ${part} do not pile up`);
  }
  assert.ok((report.counts['short ok'] ?? 0) > 10, 'commands ran');
  assert.ok((report.counts['cut by a lock'] ?? 0) > 0, 'a lock cut something');
  assert.equal(report.teardowns['unconfirmed'], undefined);
});
