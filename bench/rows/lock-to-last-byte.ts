// A hundred or a thousand live sessions, each with steady output, and a lock on the person: from sending the
// lock request to the last byte that each session received, by one clock in one process. OpenSSH has no lock.
// The bare column ends all its streams by one request to its gate.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Column, ColumnName } from '../columns/column.ts';
import type { CrowdReport } from '../measure/crowd.ts';
import { withFolder } from '../measure/folder.ts';
import { endProcess, startProcess } from '../measure/processes.ts';
import { percentile, rounded } from '../measure/statistics.ts';
import { slowTickMs, tickerCommand, type Ticker } from '../measure/ticker.ts';
import type { Measured, Row } from './row.ts';

/**
 * Over all sessions together: half of what two cores carry, so that a queue is not measured. While they open
 * they stream at a fraction of it, and the opening of a thousand does not starve.
 */
const linesPerSecond = 5_000;
const reachMs = 100;
/** Opening a thousand sessions takes most of it. */
const crowdMaxMs = 300_000;

interface Size {
  readonly sessions: number;
  readonly rounds: number;
  /** The sessions are those of so many machines, and the lock is on who answers for them. */
  readonly machines?: number;
}

export const lockRows: readonly Row[] = [
  lockToLastByte({ sessions: 100, rounds: 3 }),
  lockToLastByte({ sessions: 1_000, rounds: 1 }),
  lockOnOwner({ sessions: 500, rounds: 1, machines: 100 }),
];

function lockOnOwner(size: Size & { readonly machines: number }): Row {
  const { sessions, machines } = size;
  return {
    id: `lock-on-owner-${sessions}-last`,
    unit: 'ms',
    what: `lock on a person sent to the last byte of ${sessions} sessions of ${machines} machines of hers`,
    reach: { words: '<= 1,000 ms', of: (values) => values.sallyport, isMet: (ms) => ms <= 1_000 },
    measure: (columns) => measure(columns, size),
  };
}

function lockToLastByte({ sessions, rounds }: Size): Row {
  return {
    id: `lock-to-last-byte-${sessions}-p99`,
    unit: 'ms',
    what: `lock sent to last byte, ${sessions} streaming sessions, p99`,
    reach: { words: `<= ${reachMs} ms`, of: (values) => values.sallyport, isMet: (ms) => ms <= reachMs },
    measure: (columns, { isQuick }) => measure(columns, { sessions, rounds: isQuick ? 1 : rounds }),
  };
}

async function measure(columns: readonly Column[], { sessions, rounds, machines }: Size): Promise<Measured> {
  const tickMs = (1_000 * sessions) / linesPerSecond;
  const values: Partial<Record<ColumnName, number>> = {};
  const detail: Record<string, unknown> = {};
  for (const column of columns) {
    const reports: CrowdReport[] = [];
    if (machines !== undefined && column.crowd?.machines === undefined) continue;
    if (machines !== undefined) await column.crowd?.machines?.add(machines);
    for (let round = 0; round < rounds; round += 1) {
      const report = await withFolder((folder) =>
        cutCrowd(column, { sessions, tickMs, go: join(folder, 'go'), isOfMachines: machines !== undefined }),
      );
      if (report !== undefined) reports.push(report);
    }
    if (reports.length === 0) continue;
    const all = reports.flatMap((report) => report.lastByteMs);
    values[column.name] = machines === undefined ? p99(all) : Math.max(...all);
    detail[column.name] = {
      roundsP99: reports.map((report) => rounded(p99(report.lastByteMs))),
      median: rounded(
        percentile(
          reports.flatMap((report) => report.lastByteMs),
          50,
        ),
      ),
      streamEndP99: rounded(p99(reports.flatMap((report) => report.endMs))),
      answerMs: reports.map((report) => rounded(report.answerMs)),
      // Negative: the last byte came before the answer to the lock request.
      afterAnswerP99: rounded(
        p99(reports.flatMap((report) => report.lastByteMs.map((ms) => ms - report.answerMs))),
      ),
      linesPerSecond: reports.map((report) => Math.round(report.chunksPerSecond)),
    };
  }
  return { values, detail: { ...detail, sessions, tickMs } };
}

function p99(samples: readonly number[]): number {
  return percentile(samples, 99);
}

interface Cutting extends Ticker {
  readonly sessions: number;
  readonly isOfMachines: boolean;
}

async function cutCrowd(
  column: Column,
  { sessions, isOfMachines, ...ticker }: Cutting,
): Promise<CrowdReport | undefined> {
  if (column.crowd === undefined) return undefined;
  const crowd = isOfMachines ? (column.crowd.machines ?? column.crowd) : column.crowd;
  const child = startProcess(crowd.command(sessions, tickerCommand(ticker)), ['pipe', 'pipe', 'pipe']);
  let stderr = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const closed = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), crowdMaxMs);
  try {
    if (child.stdout === null) throw new Error('the crowd has no output');
    for await (const line of createInterface(child.stdout)) {
      const said = JSON.parse(line) as Partial<CrowdReport>;
      if (said.lastByteMs !== undefined) return said as CrowdReport;
      await writeFile(ticker.go, '');
      await new Promise((resolve) => setTimeout(resolve, 2 * slowTickMs));
      child.stdin?.write('cut\n');
    }
    await closed;
    throw new Error(`${column.name}: the crowd ended without a report: ${stderr.trim()}`);
  } finally {
    clearTimeout(timer);
    await endProcess(child);
    await column.crowd.restore();
  }
}
