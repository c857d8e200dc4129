// Connections that move a fixed number of bytes at once through one forward, up or down.

import type { BulkRequest, BulkResult } from '../load/bulk.ts';
import { median } from '../measure/statistics.ts';
import { withForwards } from './forwards.ts';
import { interleave, ratioTo, spread, summarise, type Measured, type Row } from './row.ts';

const bytes = 1024 ** 3;
const quickBytes = 256 * 1024 ** 2;
const warmUpBytes = 64 * 1024 ** 2;
const rounds = 3;

export const bulkRows: readonly Row[] = [
  bulk({ way: 'up', connections: 1 }),
  bulk({ way: 'down', connections: 1 }),
  bulk({ way: 'down', connections: 8 }),
  bulk({ way: 'down', connections: 32 }),
];

function bulk({ way, connections }: Pick<BulkRequest, 'way' | 'connections'>): Row {
  return {
    id: `bulk-${way}-${connections}`,
    unit: 'MB/s',
    what: `1 GiB ${way} through a forward, connections at once: ${connections}; median of three`,
    reach: { words: '>= 0.9 of bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.9 },
    measure: (columns, { isQuick }) =>
      withForwards<BulkRequest, BulkResult, Measured>(
        { columns, target: 'stream', load: 'bulk' },
        async (forwards) => {
          const size = isQuick ? quickBytes : bytes;
          for (const column of columns) {
            await forwards.warmUp(column, { way, connections, bytes: warmUpBytes });
          }
          const samples = await interleave(columns, rounds, async (column) =>
            megabytesPerSecond(await forwards.run(column, { way, connections, bytes: size })),
          );
          const { cpuSecondsPerUnit, rssMib } = forwards.spent(() => (rounds * size) / 1e9);
          return {
            values: summarise(samples, median),
            detail: {
              samples: spread(samples),
              cpuSecondsPerGb: cpuSecondsPerUnit,
              rssMib,
              bytes: size,
              rounds,
            },
          };
        },
      ),
  };
}

export function megabytesPerSecond({ bytes: moved, ms }: BulkResult): number {
  return moved / 1e6 / (ms / 1_000);
}
