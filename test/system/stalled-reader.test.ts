// One GiB of a command's output into a reader that stalls: every process in between holds a bounded part of
// it, and nothing is lost when the reader goes on.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { bytesMoved, isAlive, residentBytes } from './proc.ts';
import { until } from './program.ts';
import { Stage } from './stage.ts';

const mib = 1024 * 1024;
const total = 1024 * mib;
const growthMax = 64 * mib;
/** Long enough that anything that still flows would be seen. */
const stillMs = 1_500;

suite('a reader that stalls', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  test('1 GiB of output waits where it is made, and arrives whole', async (t) => {
    // The first session loads code and warms buffers up: not what is measured.
    const warm = stage.start(
      ['exec', stage.device, '--', 'head', '-c', String(64 * mib), '/dev/zero'],
      stage.surroundings('ana'),
      { ownStdout: true },
    );
    assert.equal((await countBytes(warm.child.stdout)).count, 64 * mib);

    const words = ['exec', stage.device, '--', 'head', '-c', String(total), '/dev/zero'];
    const reader = stage.start(words, stage.surroundings('ana'), { ownStdout: true });
    const pids = { gate: stage.part('gate'), agent: stage.agent?.pid ?? 0, cli: reader.pid };
    const before = sample({ gate: pids.gate, agent: pids.agent });

    await until('the output has begun', () => bytesMoved(pids.cli) > 512 * 1024);
    await until('nothing flows any more', async () => {
      const moved = Object.values(pids).map(bytesMoved);
      await pause(stillMs);
      // Pings and heartbeats go on; a stream would move megabytes.
      return Object.values(pids).every((pid, at) => bytesMoved(pid) - (moved[at] ?? 0) < 64 * 1024);
    });
    const stalled = sample(pids);
    const peaks = { ...stalled };
    const look = setInterval(() => {
      for (const [name, pid] of Object.entries(pids)) {
        // The command line ends while this looks on.
        if (isAlive(pid)) peaks[name] = Math.max(peaks[name] ?? 0, residentBytes(pid));
      }
    }, 50);
    const startedAt = performance.now();
    const { count, areZero } = await countBytes(reader.child.stdout);
    const seconds = (performance.now() - startedAt) / 1_000;
    clearInterval(look);

    assert.equal(count, total);
    assert.ok(areZero);
    assert.equal((await reader.exited).code, 0, reader.stderr);
    for (const name of ['gate', 'agent', 'cli']) {
      t.diagnostic(
        `${name}: ${shown(before[name])} MiB before, ${shown(stalled[name])} stalled, ${shown(peaks[name])} at most`,
      );
    }
    t.diagnostic(`then ${Math.round(total / mib / seconds)} MiB/s`);
    for (const name of ['gate', 'agent'] as const) {
      const grown = (stalled[name] ?? 0) - (before[name] ?? 0);
      assert.ok(grown < growthMax, `the ${name} holds ${shown(grown)} MiB more while stalled`);
    }
    // A command line of its own, so there is no "before": what it has while it shows nothing.
    const idle = stage.start(['exec', stage.device, '--', 'sleep', '3606'], stage.surroundings('ana'));
    await until('the idle command runs', () => stage.onDevice().length > 0);
    const grown = (stalled['cli'] ?? 0) - residentBytes(idle.pid);
    await idle.end();
    assert.ok(grown < growthMax, `the command line holds ${shown(grown)} MiB more while stalled`);
  });
});

function sample(pids: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentBytes(pid)]));
}

function shown(bytes: number | undefined): string {
  return bytes === undefined ? '-' : String(Math.round(bytes / mib));
}

async function countBytes(
  stream: AsyncIterable<Buffer>,
): Promise<{ readonly count: number; readonly areZero: boolean }> {
  let count = 0;
  let areZero = true;
  for await (const chunk of stream) {
    count += chunk.length;
    areZero &&= chunk[0] === 0 && chunk.at(-1) === 0;
  }
  return { count, areZero };
}
