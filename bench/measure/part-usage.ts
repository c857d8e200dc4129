// CPU time and memory of a column's long-running processes over one row.

import type { Column } from '../columns/column.ts';
import { usageOf, type Usage } from './processes.ts';

export type PartUsage = Readonly<Record<string, Readonly<Record<string, Usage>>>>;

/** Taken before a row; the answer gives what was used since then, and the memory at that moment. */
export function watchParts(columns: readonly Column[]): () => PartUsage {
  const before = new Map<number, number>();
  for (const pid of columns.flatMap(({ parts }) => Object.values(parts))) {
    before.set(pid, usageOf(pid)?.cpuSeconds ?? 0);
  }
  return () =>
    Object.fromEntries(
      columns.map(({ name, parts }) => [
        name,
        Object.fromEntries(
          Object.entries(parts).flatMap(([part, pid]) => {
            const now = usageOf(pid);
            if (now === undefined) return [];
            const cpuSeconds = Number((now.cpuSeconds - (before.get(pid) ?? 0)).toFixed(2));
            return [[part, { cpuSeconds, rssMib: now.rssMib }]];
          }),
        ),
      ]),
    );
}
