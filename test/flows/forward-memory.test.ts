// Very many aborted forwards through a gate and an agent in processes of their own, whose heaps are counted.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AbortsReport } from '../doubles/aborts.ts';

// Each costs four signatures and checks of signatures: 100,000 take some minutes (node --expose-gc
// test/doubles/aborts.ts 100000) and leave no more than these do.
const count = 20_000;

void test(`${count} connections that are opened and aborted leave no stream, no socket and flat memory`, async (t) => {
  const script = fileURLToPath(new URL('../doubles/aborts.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, String(count)]);
  const { opened, accepted, ends, ...parts } = JSON.parse(stdout) as AbortsReport;
  assert.equal(opened, count);
  assert.deepEqual(ends, { cut: count });
  // Of each four at least three reached their target.
  assert.ok(accepted >= (count / 4) * 3 - 100, `${accepted} accepted`);
  for (const [name, [before, after]] of Object.entries(parts)) {
    t.diagnostic(`${name}: ${before.heapMib.toFixed(1)} MiB, then ${after.heapMib.toFixed(1)} MiB`);
    assert.equal(after.streams, 0, `${name}: streams are left`);
    assert.equal(after.sockets, before.sockets, `${name}: sockets are left`);
    assert.ok(after.timers <= before.timers + 2, `${name}: ${before.timers} timers, then ${after.timers}`);
    // One kept KiB a connection would be 16 MiB more.
    assert.ok(after.heapMib - before.heapMib < 8, `${name}: ${after.heapMib - before.heapMib} MiB more`);
  }
});
