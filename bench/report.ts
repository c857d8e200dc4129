// The results as a table for people and as JSON for whoever compares runs.

import { columnNames } from './columns/column.ts';
import type { Machine } from './measure/machine.ts';
import type { PartUsage } from './measure/part-usage.ts';
import { rounded } from './measure/statistics.ts';
import type { Measured, Row } from './rows/row.ts';

export interface Result {
  readonly row: Row;
  readonly measured: Measured;
  readonly usage: PartUsage;
}

export interface Run {
  readonly results: readonly Result[];
  readonly machine: Machine;
  readonly skipped: readonly string[];
  readonly seconds: number;
  readonly isQuick: boolean;
}

/** Above it, other work shared the machine when the run began. */
const busyLoadPerCore = 0.5;

export function report(run: Run): { readonly table: string; readonly json: unknown } {
  const { machine, results } = run;
  const cells = [
    ['row', 'unit', ...columnNames, 'to reach', 'reached'],
    ...results.map(({ row, measured }) => [
      row.id,
      row.unit,
      ...columnNames.map((name) => shown(measured.values[name])),
      row.reach?.words ?? '-',
      reached(row, measured),
    ]),
  ];
  const isBusy = machine.loadBefore / machine.cores > busyLoadPerCore;
  const lines = [
    ...aligned(cells),
    '',
    ...results.map(({ row }) => `${row.id}: ${row.what}`),
    ...run.skipped,
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.openssh ?? 'no OpenSSH'}, disk sync ${machine.diskSyncMs} ms; ${Math.round(run.seconds)} s`,
    ...(isBusy
      ? [
          `the machine was busy when this began (load ${machine.loadBefore.toFixed(1)}): trust the ratios only`,
        ]
      : []),
    ...(run.isQuick ? ['a quick run: few samples'] : []),
  ];
  return { table: `${lines.join('\n')}\n`, json: toJson(run) };
}

function aligned(cells: readonly (readonly string[])[]): readonly string[] {
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function shown(value: number | undefined): string {
  return value === undefined ? '-' : String(rounded(value));
}

function reached(row: Row, { values }: Measured): string {
  const figure = row.reach?.of(values);
  if (row.reach === undefined || figure === undefined) return '-';
  return `${rounded(figure)} ${row.reach.isMet(figure) ? 'yes' : 'NO'}`;
}

function toJson(run: Run): unknown {
  const { machine, skipped, isQuick } = run;
  return {
    at: new Date().toISOString(),
    seconds: Math.round(run.seconds),
    isQuick,
    machine,
    skipped,
    rows: run.results.map(({ row, measured, usage }) => {
      const { values, detail } = measured;
      const figure = row.reach?.of(values);
      return {
        id: row.id,
        unit: row.unit,
        bare: jsonFigure(values.bare),
        sallyport: jsonFigure(values.sallyport),
        openssh: jsonFigure(values.openssh),
        ...(row.reach === undefined || figure === undefined
          ? {}
          : { reach: row.reach.words, figure: rounded(figure), isMet: row.reach.isMet(figure) }),
        detail,
        usage,
      };
    }),
  };
}

function jsonFigure(value: number | undefined): number | null {
  return value === undefined ? null : rounded(value);
}
