// From the start of the operator's process, on a terminal of its own, to the first byte that the device's
// login shell prints.

import type { Command } from '../measure/processes.ts';
import { median, percentile, rounded } from '../measure/statistics.ts';
import { openTerminal } from '../measure/terminal.ts';
import { interleave, summarise, type Row } from './row.ts';

const runs = 15;
const quickRuns = 6;
const warmUps = 2;
const openMaxMs = 20_000;

export const shellOpen: Row = {
  id: 'shell-open',
  unit: 'ms',
  what: 'process start to the first byte of the prompt, median',
  async measure(columns, { isQuick }) {
    const run = (column: (typeof columns)[number]): Promise<number> => firstByteMs(column.shell());
    await interleave(columns, warmUps, run);
    const samples = await interleave(columns, isQuick ? quickRuns : runs, run);
    const p95 = summarise(samples, (values) => rounded(percentile(values, 95)));
    return { values: summarise(samples, median), detail: { p95, runs: isQuick ? quickRuns : runs } };
  },
};

/** Leaves by "exit" and waits for the end, so that no run meets the remains of the one before. */
async function firstByteMs(command: Command): Promise<number> {
  const startedAt = performance.now();
  const terminal = openTerminal(command, { maxMs: openMaxMs });
  let ms = Number.NaN;
  terminal.onText(() => {
    if (!Number.isNaN(ms)) return;
    ms = performance.now() - startedAt;
    terminal.type('exit\r');
  });
  await terminal.ended;
  return ms;
}
