// From the start of the operator's process to its exit, for a command that does nothing.

import { median, percentile, rounded } from '../measure/statistics.ts';
import { timed } from '../measure/run.ts';
import { interleave, ratioTo, summarise, type Row } from './row.ts';

const runs = 30;
const quickRuns = 10;
/** Until what stays running has its code compiled: a broker is seldom asked for its first command. */
const warmUps = 25;

export const execTrue: Row = {
  id: 'exec-true',
  unit: 'ms',
  what: 'process start to exit of "true", median',
  reach: { words: '<= 0.5 of openssh', of: ratioTo('openssh'), isMet: (ratio) => ratio <= 0.5 },
  async measure(columns, { isQuick }) {
    const run = async (column: (typeof columns)[number]): Promise<number> =>
      (await timed(column.exec(['true']))).ms;
    await interleave(columns, warmUps, run);
    const samples = await interleave(columns, isQuick ? quickRuns : runs, run);
    const p95 = summarise(samples, (values) => rounded(percentile(values, 95)));
    return { values: summarise(samples, median), detail: { p95, runs: isQuick ? quickRuns : runs } };
  },
};
