// A new connection through a forward, one byte there and back, then closed: one at a time, and fifty in
// flight at once.

import type { Column, ColumnName } from '../columns/column.ts';
import type { ConnectRequest, ConnectResult } from '../load/connect.ts';
import { median, percentile, rounded } from '../measure/statistics.ts';
import { withForwards } from './forwards.ts';
import { differenceTo, interleave, ratioTo, summarise, type Measured, type Row } from './row.ts';

/** Until the code of every process is compiled: what is measured is how it runs, not how it starts. */
const warmUp: Omit<ConnectRequest, 'port'> = { atOnce: 50, count: 2_000 };

interface Amount {
  readonly atOnce: number;
  /** In one turn of a column. */
  readonly block: number;
  readonly blocks: number;
}

export const connectRows: readonly Row[] = [
  {
    id: 'connect-1-p50',
    unit: 'ms',
    what: 'a new connection through a forward and one byte there and back, median',
    reach: { words: '<= bare + 1.5', of: differenceTo('bare'), isMet: (ms) => ms <= 1.5 },
    measure: (columns, { isQuick }) => measure(columns, { atOnce: 1, block: 50, blocks: isQuick ? 3 : 8 }),
  },
  {
    id: 'connect-50-p50',
    unit: 'ms',
    what: 'the same, fifty in flight at once, median',
    reach: { words: '<= 3 x bare', of: ratioTo('bare'), isMet: (ratio) => ratio <= 3 },
    measure: (columns, { isQuick }) => measure(columns, { atOnce: 50, block: 500, blocks: isQuick ? 1 : 4 }),
  },
];

function measure(columns: readonly Column[], { atOnce, block, blocks }: Amount): Promise<Measured> {
  return withForwards<ConnectRequest, ConnectResult, Measured>(
    { columns, target: 'echo', load: 'connect' },
    async (forwards) => {
      for (const column of columns) await forwards.warmUp(column, warmUp);
      const closedMs = new Map<ColumnName, number[]>(columns.map(({ name }) => [name, []]));
      const echoMs = await interleave(columns, blocks, async (column) => {
        const result = await forwards.run(column, { atOnce, count: block });
        closedMs.get(column.name)?.push(...result.closedMs);
        return result.echoMs;
      });
      const samples = block * blocks;
      const { cpuSecondsPerUnit, rssMib } = forwards.spent(() => samples / 1_000);
      return {
        values: summarise(echoMs, median),
        detail: {
          p95: summarise(echoMs, (values) => rounded(percentile(values, 95))),
          p99: summarise(echoMs, (values) => rounded(percentile(values, 99))),
          closedP50: summarise(closedMs, (values) => rounded(median(values))),
          cpuSecondsPerThousand: cpuSecondsPerUnit,
          rssMib,
          samples,
          atOnce,
        },
      };
    },
  );
}
