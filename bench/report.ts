// The results as a table for people and as JSON for whoever compares runs.

import Table from 'cli-table3';
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
  const table = new Table({
    head: ['row', 'unit', ...columnNames, 'to reach', 'reached'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left', 'left'],
  });
  for (const { row, measured } of results) {
    const figures = columnNames.map((name) => shown(measured.values[name]));
    table.push([row.id, row.unit, ...figures, row.reach?.words ?? '', reached(row, measured)]);
  }
  const isBusy = machine.loadBefore / machine.cores > busyLoadPerCore;
  const lines = [
    table.toString(),
    ...results.map(({ row }) => `${row.id}: ${row.what}`),
    ...run.skipped,
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.openssh ?? 'no OpenSSH'}; ${Math.round(run.seconds)} s`,
    ...(isBusy
      ? [
          `the machine was busy when this began (load ${machine.loadBefore.toFixed(1)}): trust the ratios only`,
        ]
      : []),
    ...(run.isQuick ? ['a quick run: few samples'] : []),
  ];
  return { table: `${lines.join('\n')}\n`, json: toJson(run) };
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
        bare: values.bare ?? null,
        sallyport: values.sallyport ?? null,
        openssh: values.openssh ?? null,
        ...(row.reach === undefined || figure === undefined
          ? {}
          : { reach: row.reach.words, figure, isMet: row.reach.isMet(figure) }),
        detail,
        usage,
      };
    }),
  };
}
