// A row of the table: how it is measured, in which unit, and the figure it is to reach.

import type { Column, ColumnName } from '../columns/column.ts';
import { rounded } from '../measure/statistics.ts';

export interface Plan {
  readonly isQuick: boolean;
}

export type Values = Partial<Record<ColumnName, number>>;

export interface Measured {
  readonly values: Values;
  /** Other figures of the same runs: spread, counts. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Reach {
  readonly words: string;
  /** The figure beside it; undefined where a column that it needs is missing. */
  of(values: Values): number | undefined;
  isMet(figure: number): boolean;
}

export interface Row {
  readonly id: string;
  readonly unit: string;
  readonly what: string;
  readonly reach?: Reach;
  measure(columns: readonly Column[], plan: Plan): Promise<Measured>;
}

/** `sallyport / other`, undefined where one is missing. */
export function ratioTo(other: ColumnName): (values: Values) => number | undefined {
  return (values) => {
    const [mine, theirs] = [values.sallyport, values[other]];
    return mine === undefined || theirs === undefined ? undefined : mine / theirs;
  };
}

/** `sallyport - other`, likewise. */
export function differenceTo(other: ColumnName): (values: Values) => number | undefined {
  return (values) => {
    const [mine, theirs] = [values.sallyport, values[other]];
    return mine === undefined || theirs === undefined ? undefined : mine - theirs;
  };
}

/** Every column once a round, each round starting with the next one: what disturbs one disturbs all. */
export async function interleave<C extends { readonly name: string }>(
  columns: readonly C[],
  rounds: number,
  run: (column: C) => Promise<number | readonly number[]>,
): Promise<ReadonlyMap<C['name'], readonly number[]>> {
  const samples = new Map<C['name'], number[]>(columns.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < columns.length; turn += 1) {
      const column = columns[(round + turn) % columns.length];
      if (column === undefined) continue;
      samples.get(column.name)?.push(...[await run(column)].flat());
    }
  }
  return samples;
}

export function summarise<Name extends string>(
  samples: ReadonlyMap<Name, readonly number[]>,
  figure: (samples: readonly number[]) => number,
): Readonly<Partial<Record<Name, number>>> {
  return Object.fromEntries([...samples].map(([name, values]) => [name, figure(values)])) as Partial<
    Record<Name, number>
  >;
}

/** All samples, for the detail of a row that has few. */
export function spread<Name extends string>(
  samples: ReadonlyMap<Name, readonly number[]>,
): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries([...samples].map(([name, values]) => [name, values.map(rounded)]));
}
