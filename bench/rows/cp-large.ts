// One large file down, and up in detail, by each column's own copying command. The bare figure is what one
// connection moves the same way through the bare forward (rows/bulk.ts), without a file at either end.

import { randomBytes } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../columns/column.ts';
import type { BulkRequest, BulkResult } from '../load/bulk.ts';
import { withMemoryFolder } from '../measure/folder.ts';
import { median, rounded } from '../measure/statistics.ts';
import { megabytesPerSecond } from './bulk.ts';
import { Copying } from './copying.ts';
import { withForwards, type Forwards } from './forwards.ts';
import { interleave, ratioTo, spread, summarise, type Measured, type Row } from './row.ts';

const bytes = 1024 ** 3;
const quickBytes = 256 * 1024 ** 2;
const warmUpBytes = 64 * 1024 ** 2;
const rounds = 3;
const ways = ['down', 'up'] as const;

export const cpLarge: Row = {
  id: 'cp-1gib',
  unit: 'MB/s',
  what: 'a file of 1 GiB down, process start to exit, from memory to memory; bare is one connection of a forward; median of three',
  reach: { words: '>= 0.8 of bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.8 },
  measure: (columns, { isQuick }) =>
    withMemoryFolder((folder) =>
      withForwards<BulkRequest, BulkResult, Measured>(
        { columns: columns.filter(({ name }) => name === 'bare'), target: 'stream', load: 'bulk' },
        (forwards) => measure(columns, { folder, forwards, size: isQuick ? quickBytes : bytes }),
      ),
    ),
};

interface Means {
  readonly folder: string;
  readonly forwards: Forwards<BulkRequest, BulkResult>;
  readonly size: number;
}

async function measure(columns: readonly Column[], { folder, forwards, size }: Means): Promise<Measured> {
  const source = join(folder, 'source');
  await writeLarge(source, size);
  const copying = { down: new Copying(), up: new Copying() };
  const copy = async (column: Column, way: 'up' | 'down'): Promise<number> => {
    if (column.copy === undefined) {
      return megabytesPerSecond(await forwards.run(column, { way, connections: 1, bytes: size }));
    }
    const to = join(folder, `${column.name}-${way}`);
    const ms = await copying[way].run(column, { way, from: source, to, isRecursive: false });
    const { size: came } = await stat(to);
    if (came !== size) throw new Error(`${column.name}: ${came} of ${size} bytes were copied ${way}`);
    await rm(to);
    return megabytesPerSecond({ bytes: size, ms });
  };
  for (const column of columns) {
    if (column.copy !== undefined) continue;
    for (const way of ways) await forwards.warmUp(column, { way, connections: 1, bytes: warmUpBytes });
  }
  const down = await interleave(columns, rounds, (column) => copy(column, 'down'));
  const up = await interleave(columns, rounds, (column) => copy(column, 'up'));
  return {
    values: summarise(down, median),
    detail: {
      up: summarise(up, (samples) => rounded(median(samples))),
      samples: { down: spread(down), up: spread(up) },
      cpuSecondsPerGb: {
        down: copying.down.cpuSecondsPer((rounds * size) / 1e9),
        up: copying.up.cpuSecondsPer((rounds * size) / 1e9),
      },
      bytes: size,
      rounds,
    },
  };
}

/** Not zeros: nobody may find that they are. */
async function writeLarge(path: string, size: number): Promise<void> {
  const block = randomBytes(1024 * 1024);
  const file = await open(path, 'w');
  try {
    for (let left = size; left > 0; left -= block.length) {
      await file.writeFile(block.subarray(0, Math.min(left, block.length)));
    }
  } finally {
    await file.close();
  }
}
