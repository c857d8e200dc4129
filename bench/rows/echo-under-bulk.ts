// A letter typed into a shell and its echo, first on an idle link, then while eight connections pull bytes
// through a forward on the same link: what the bulk adds to the slowest percent.

import type { Column, ColumnName } from '../columns/column.ts';
import type { BulkRequest, BulkResult } from '../load/bulk.ts';
import { median, percentile, rounded } from '../measure/statistics.ts';
import { startTyping } from '../measure/typing.ts';
import { megabytesPerSecond } from './bulk.ts';
import { withForwards, type Forwards } from './forwards.ts';
import { interleave, summarise, type Measured, type Row } from './row.ts';

const connections = 8;
/** Five seconds of typing. */
const letters = 100;
const rounds = 3;
/** The bulk has to be there before the first letter and still after the last one. */
const leadMs = 1_000;
const bulkMs = 8_000;
/** More than eight seconds of anything here. */
const endlessBytes = 1e12;
const warmUpBytes = 64 * 1024 ** 2;

export const echoUnderBulk: Row = {
  id: 'echo-under-bulk-p99',
  unit: 'ms',
  what: 'what 8 connections pulling bytes add to the echo of a shell on the same link: p99 under bulk - p99 idle',
  reach: { words: '<= 15 ms', of: (values) => values.sallyport, isMet: (ms) => ms <= 15 },
  measure: (columns, { isQuick }) =>
    withForwards<BulkRequest, BulkResult, Measured>(
      { columns, target: 'stream', load: 'bulk' },
      async (forwards) => {
        for (const column of columns) {
          await forwards.warmUp(column, { way: 'down', connections, bytes: warmUpBytes });
        }
        const idle = new Map<ColumnName, number[]>(columns.map(({ name }) => [name, []]));
        const moved = new Map<string, number>();
        const speeds = new Map<ColumnName, number[]>(columns.map(({ name }) => [name, []]));
        const loaded = await interleave(columns, isQuick ? 1 : rounds, async (column) => {
          const echoes = await measureEchoes(column, forwards);
          idle.get(column.name)?.push(...echoes.idleMs);
          speeds.get(column.name)?.push(megabytesPerSecond(echoes.bulk));
          moved.set(column.name, (moved.get(column.name) ?? 0) + echoes.bulk.bytes);
          return echoes.loadedMs;
        });
        const [idleP99, bulkP99] = [summarise(idle, p99), summarise(loaded, p99)];
        const { cpuSecondsPerUnit, rssMib } = forwards.spent((name) => (moved.get(name) ?? 0) / 1e9);
        return {
          values: Object.fromEntries(
            columns.map(({ name }) => [name, (bulkP99[name] ?? NaN) - (idleP99[name] ?? NaN)]),
          ),
          detail: {
            idleP50: summarise(idle, (values) => rounded(median(values))),
            idleP99: summarise(idle, (values) => rounded(p99(values))),
            bulkP50: summarise(loaded, (values) => rounded(median(values))),
            bulkP99: summarise(loaded, (values) => rounded(p99(values))),
            bulkMegabytesPerSecond: summarise(speeds, (values) => rounded(median(values))),
            cpuSecondsPerGb: cpuSecondsPerUnit,
            rssMib,
            letters: letters * (isQuick ? 1 : rounds),
            connections,
          },
        };
      },
    ),
};

function p99(samples: readonly number[]): number {
  return percentile(samples, 99);
}

interface Echoes {
  readonly idleMs: readonly number[];
  readonly loadedMs: readonly number[];
  readonly bulk: BulkResult;
}

async function measureEchoes(column: Column, forwards: Forwards<BulkRequest, BulkResult>): Promise<Echoes> {
  const typing = await startTyping(column.linkShell());
  try {
    const idleMs = await typing.type(letters);
    let isOver = false;
    const pulling = forwards
      .run(column, { way: 'down', connections, bytes: endlessBytes, forMs: bulkMs })
      .finally(() => {
        isOver = true;
      });
    // Told where it is awaited.
    pulling.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, leadMs));
    const loadedMs = await typing.type(letters);
    const wasOver = isOver;
    const bulk = await pulling;
    if (wasOver) throw new Error(`${column.name}: the bulk was over before the typing`);
    await typing.leave();
    return { idleMs, loadedMs, bulk };
  } finally {
    typing.kill();
  }
}
