// Memory over very many cut and refused channels, each in a process of its own with a collector to call.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

interface Report {
  readonly before: { readonly heap: number; readonly rss: number };
  readonly after: { readonly heap: number; readonly rss: number };
  readonly streamsLeft: readonly number[];
  readonly isAlive: boolean;
  readonly outcomes: { readonly clean: number; readonly cut: number; readonly refused: number };
}

const script = fileURLToPath(new URL('link-soak.ts', import.meta.url));
const MiB = 2 ** 20;

async function soak(what: 'aborts' | 'refusals', count: number): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    script,
    what,
    String(count),
  ]);
  return JSON.parse(stdout) as Report;
}

/** One kept byte per stream would be 80 KiB more; a kept stream, tens of MiB. */
function assertFlat(report: Report): void {
  const { before, after, streamsLeft, isAlive } = report;
  assert.ok(isAlive, 'every session outlives what it carried');
  assert.deepEqual(streamsLeft, [0, 0, 0, 0]);
  assert.ok(after.heap - before.heap < 8 * MiB, `heap ${before.heap} to ${after.heap}`);
  assert.ok(after.rss - before.rss < 128 * MiB, `rss ${before.rss} to ${after.rss}`);
}

test('memory stays flat over 100,000 aborted streams', async () => {
  const report = await soak('aborts', 50_000);
  assertFlat(report);
  assert.deepEqual([report.outcomes.clean, report.outcomes.cut], [0, 50_000]);
});

test('L11 memory stays flat over 100,000 refused opens', async () => {
  const report = await soak('refusals', 100_000);
  assertFlat(report);
  assert.equal(report.outcomes.refused, 100_000);
});
