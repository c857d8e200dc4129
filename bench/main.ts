// `npm run bench [-- --only ROW,ROW] [--columns bare,openssh] [--quick]`: bare Node, Sallyport and OpenSSH
// side by side, in one run on one machine, everything on loopback. Prints a table and writes bench/out/latest.json. Figures of different
// runs or machines are not comparable; the ratios within one run are what counts.

import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBare } from './columns/bare.ts';
import { columnNames, type Column, type ColumnName } from './columns/column.ts';
import { startOpenssh } from './columns/openssh.ts';
import { startSallyport } from './columns/sallyport.ts';
import { withFolder } from './measure/folder.ts';
import { describeMachine } from './measure/machine.ts';
import { watchParts } from './measure/part-usage.ts';
import { killEverything } from './measure/processes.ts';
import { report, type Result } from './report.ts';
import { accessRows } from './rows/access.ts';
import { bulkRows } from './rows/bulk.ts';
import { connectRows } from './rows/connect.ts';
import { cpLarge } from './rows/cp-large.ts';
import { cpSmall } from './rows/cp-small.ts';
import { echoUnderBulk } from './rows/echo-under-bulk.ts';
import { execOutDown } from './rows/exec-out-down.ts';
import { execTrue } from './rows/exec-true.ts';
import { closeFleet, fleetRows } from './rows/fleet.ts';
import { httpRps } from './rows/http-rps.ts';
import { lockRows } from './rows/lock-to-last-byte.ts';
import { pathRows } from './rows/path.ts';
import type { Plan, Row } from './rows/row.ts';
import { shellOpen } from './rows/shell-open.ts';

const rows: readonly Row[] = [
  execTrue,
  execOutDown,
  shellOpen,
  ...bulkRows,
  ...connectRows,
  httpRps,
  echoUnderBulk,
  ...pathRows,
  cpLarge,
  cpSmall,
  ...lockRows,
  ...accessRows,
  ...fleetRows,
];
const start: Readonly<Record<ColumnName, (folder: string) => Promise<Column | string>>> = {
  bare: (folder) => startBare(folder, userInfo().shell ?? '/bin/sh'),
  sallyport: startSallyport,
  openssh: startOpenssh,
};
const out = join(import.meta.dirname, 'out');

/** Whether every row could be measured. */
async function bench(): Promise<boolean> {
  const { values: options } = parseArgs({
    options: {
      only: { type: 'string' },
      columns: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  const chosen = chooseRows(options.only);
  const wanted = options.columns?.split(',') ?? columnNames;
  const startedAt = performance.now();
  const machine = describeMachine();
  await mkdir(out, { recursive: true });
  return withFolder(async (folder) => {
    const columns: Column[] = [];
    const skipped: string[] = [];
    try {
      for (const name of columnNames.filter((one) => wanted.includes(one))) {
        const started = await start[name](folder);
        if (typeof started === 'string') skipped.push(`${name}: skipped, ${started}`);
        else columns.push(started);
      }
      const { results, failed } = await measureRows(chosen, columns, { isQuick: options.quick });
      const seconds = (performance.now() - startedAt) / 1_000;
      const { table, json } = report({
        results,
        machine,
        skipped: [...skipped, ...failed],
        seconds,
        isQuick: options.quick,
      });
      process.stdout.write(table);
      await writeFile(join(out, 'latest.json'), `${JSON.stringify(json, null, 2)}\n`);
      return failed.length === 0;
    } finally {
      await closeFleet();
      for (const column of columns.toReversed()) await column.close();
      killEverything();
    }
  });
}

/** A row that fails costs the run its status, and not the others their figures. */
async function measureRows(
  chosen: readonly Row[],
  columns: readonly Column[],
  plan: Plan,
): Promise<{ readonly results: readonly Result[]; readonly failed: readonly string[] }> {
  const results: Result[] = [];
  const failed: string[] = [];
  for (const row of chosen) {
    process.stderr.write(`${row.id} ...\n`);
    const used = watchParts(columns);
    try {
      const measured = await row.measure(columns, plan);
      results.push({ row, measured, usage: used() });
    } catch (error) {
      failed.push(`${row.id}: FAILED, ${wordsOf(error)}`);
    }
  }
  return { results, failed };
}

function chooseRows(only: string | undefined): readonly Row[] {
  const ids = only?.split(',') ?? rows.map(({ id }) => id);
  const unknown = ids.find((id) => !rows.some((row) => row.id === id));
  if (unknown !== undefined) {
    throw new Error(`there is no row "${unknown}", choose from: ${rows.map(({ id }) => id).join(', ')}`);
  }
  return rows.filter(({ id }) => ids.includes(id));
}

process.on('exit', killEverything);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  if (!(await bench())) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`bench: ${wordsOf(error)}\n`);
  process.exitCode = 1;
}
