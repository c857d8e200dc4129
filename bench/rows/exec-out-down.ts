// A gibibyte of the command's stdout through the operator's process into a pipe whose reader counts it;
// process start included.

import type { Column } from '../columns/column.ts';
import { timed } from '../measure/run.ts';
import { median, rounded } from '../measure/statistics.ts';
import { interleave, ratioTo, summarise, type Row } from './row.ts';

const bytes = 1024 ** 3;
const rounds = 3;
const quickBytes = 256 * 1024 ** 2;

export const execOutDown: Row = {
  id: 'exec-out-down',
  unit: 'MB/s',
  what: '1 GiB of stdout, median of three',
  reach: { words: '>= 0.8 of bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.8 },
  async measure(columns, { isQuick }) {
    const size = isQuick ? quickBytes : bytes;
    const samples = await interleave(columns, rounds, (column) => megabytesPerSecond(column, size));
    return {
      values: summarise(samples, median),
      detail: { best: summarise(samples, (values) => rounded(Math.max(...values))), bytes: size, rounds },
    };
  },
};

async function megabytesPerSecond(column: Column, size: number): Promise<number> {
  const command = column.exec(['head', '-c', String(size), '/dev/zero']);
  // A pipe between two programs, as people use it; Node would give its child a socket.
  const counted = await timed({
    ...command,
    file: 'sh',
    args: ['-c', '"$@" | wc -c', 'sh', command.file, ...command.args],
  });
  if (Number(counted.stdout) !== size) {
    throw new Error(`${column.name}: ${counted.stdout.trim()} of ${size} bytes arrived`);
  }
  return size / 1e6 / (counted.ms / 1_000);
}
