// L11 in a process of its own, whose memory is its own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { promisify } from 'node:util';

interface Outcome {
  readonly refused: number;
  /** By the authority; the others for their heads, by the gate. */
  readonly denied: number;
  readonly sizes: readonly { readonly heap: number; readonly rss: number }[];
}

void test('L11 100,000 refused opens leave memory flat', async (t) => {
  const script = fileURLToPath(new URL('../doubles/gate-refusals.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script]);
  const { refused, denied, sizes } = JSON.parse(stdout) as Outcome;
  const [first, last] = [sizes[0], sizes.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  t.diagnostic(`${refused} refused; heap ${sizes.map(({ heap }) => heap.toFixed(1)).join(' ')} MiB`);
  t.diagnostic(`resident ${sizes.map(({ rss }) => rss.toFixed(0)).join(' ')} MiB`);
  assert.deepEqual([refused, denied], [100_000, 50_000]);
  // After the first 20,000 everything that is kept is warm; the next 80,000 may add nothing to speak of.
  assert.ok(last.heap - first.heap < 4, `the heap grew by ${last.heap - first.heap} MiB`);
});
