// `npm run bench [-- --only ROW,ROW] [--columns bare,openssh] [--quick]`: bare Node, Sallyport and OpenSSH
// side by side, in one run on one machine, everything on loopback. Prints a table and writes bench/out/latest.json. Figures of different
// runs or machines are not comparable; the ratios within one run are what counts.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBare } from './columns/bare.ts';
import { columnNames, type Column, type ColumnName } from './columns/column.ts';
import { startOpenssh } from './columns/openssh.ts';
import { startSallyport } from './columns/sallyport.ts';
import { describeMachine } from './measure/machine.ts';
import { watchParts } from './measure/part-usage.ts';
import { killEverything } from './measure/processes.ts';
import { report, type Result } from './report.ts';
import { bulkRows } from './rows/bulk.ts';
import { connectRows } from './rows/connect.ts';
import { cpLarge } from './rows/cp-large.ts';
import { cpSmall } from './rows/cp-small.ts';
import { echoUnderBulk } from './rows/echo-under-bulk.ts';
import { execOutDown } from './rows/exec-out-down.ts';
import { execTrue } from './rows/exec-true.ts';
import { httpRps } from './rows/http-rps.ts';
import { lockRows } from './rows/lock-to-last-byte.ts';
import { pathRows } from './rows/path.ts';
import type { Row } from './rows/row.ts';
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
];
const start: Readonly<Record<ColumnName, (folder: string) => Promise<Column | string>>> = {
  bare: (folder) => startBare(folder, userInfo().shell ?? '/bin/sh'),
  sallyport: startSallyport,
  openssh: startOpenssh,
};
const out = join(import.meta.dirname, 'out');

async function bench(): Promise<void> {
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
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const columns: Column[] = [];
  const skipped: string[] = [];
  try {
    for (const name of columnNames.filter((one) => wanted.includes(one))) {
      const started = await start[name](folder);
      if (typeof started === 'string') skipped.push(`${name}: skipped, ${started}`);
      else columns.push(started);
    }

    const results: Result[] = [];
    for (const row of chosen) {
      process.stderr.write(`${row.id} ...\n`);
      const used = watchParts(columns);
      const measured = await row.measure(columns, { isQuick: options.quick });
      results.push({ row, measured, usage: used() });
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const { table, json } = report({ results, machine, skipped, seconds, isQuick: options.quick });
    process.stdout.write(table);
    await writeFile(join(out, 'latest.json'), `${JSON.stringify(json, null, 2)}\n`);
  } finally {
    for (const column of columns.toReversed()) await column.close();
    killEverything();
    await rm(folder, { recursive: true, force: true });
  }
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

try {
  await bench();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
