// CPU time and memory of processes over a stretch of time, by the part that each plays.

import type { Column } from '../columns/column.ts';
import { usageOf, type Usage } from './processes.ts';

/** Process ids by part. */
export type Parts = Readonly<Record<string, number>>;
export type UsageByPart = Readonly<Record<string, Usage>>;
export type PartUsage = Readonly<Record<string, UsageByPart>>;

/** The answer gives what was used since the call, and the memory at that moment. */
export function watch(parts: Parts): () => UsageByPart {
  const before = Object.fromEntries(
    Object.entries(parts).map(([part, pid]) => [part, usageOf(pid)?.cpuSeconds ?? 0]),
  );
  return () =>
    Object.fromEntries(
      Object.entries(parts).flatMap(([part, pid]) => {
        const now = usageOf(pid);
        if (now === undefined) return [];
        const cpuSeconds = Number((now.cpuSeconds - (before[part] ?? 0)).toFixed(2));
        return [[part, { cpuSeconds, rssMib: now.rssMib }]];
      }),
    );
}

/** The long-running processes of every column. */
export function watchParts(columns: readonly Column[]): () => PartUsage {
  const watched = columns.map(({ name, parts }) => [name, watch(parts)] as const);
  return () => Object.fromEntries(watched.map(([name, used]) => [name, used()]));
}
