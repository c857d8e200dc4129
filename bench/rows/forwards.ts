// A forward of every column to one target, and one load generator that runs through each in turn, with what
// all processes between them and these two used while it ran.

import type { Device, Forward } from '../columns/column.ts';
import { startLoad, startTarget } from '../measure/load.ts';
import { watch, type Parts, type UsageByPart } from '../measure/part-usage.ts';

/** A column, or a device of one under a name of its own. */
export interface Reached extends Pick<Device, 'forward'> {
  readonly name: string;
}

export interface Wanted {
  readonly columns: readonly Reached[];
  readonly target: 'echo' | 'http' | 'stream';
  readonly load: 'bulk' | 'connect' | 'http';
}

export interface Forwards<Request, Result> {
  run(column: Reached, request: Omit<Request, 'port'>): Promise<Result>;
  /** The same, and not counted. */
  warmUp(column: Reached, request: Omit<Request, 'port'>): Promise<Result>;
  /** Of the counted runs: CPU time by part for a unit of work, of which a column did so many; the most memory. */
  spent(unitsOf: (name: string) => number): {
    readonly cpuSecondsPerUnit: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly rssMib: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
}

interface Way {
  readonly forward: Forward;
  readonly parts: Parts;
  used: UsageByPart;
}

/** Everything that it starts has ended when it resolves or throws. */
export async function withForwards<Request extends { readonly port: number }, Result, T>(
  { columns, target: targetName, load: loadName }: Wanted,
  work: (forwards: Forwards<Request, Result>) => Promise<T>,
): Promise<T> {
  const target = await startTarget(targetName);
  const load = startLoad<Request, Result>(loadName);
  const ways = new Map<string, Way>();
  const wayOf = ({ name }: Reached): Way => {
    const way = ways.get(name);
    if (way === undefined) throw new Error(`"${name}" has no forward`);
    return way;
  };
  const drive = (column: Reached, request: Omit<Request, 'port'>): Promise<Result> =>
    load.run({ ...request, port: wayOf(column).forward.port } as unknown as Request);
  try {
    for (const column of columns) {
      const forward = await column.forward(target.port);
      const parts = { load: load.pid, ...forward.parts, target: target.pid };
      ways.set(column.name, { forward, parts, used: {} });
    }
    return await work({
      warmUp: drive,
      async run(column, request) {
        const way = wayOf(column);
        const used = watch(way.parts);
        const result = await drive(column, request);
        way.used = sum(way.used, used());
        return result;
      },
      spent: (unitsOf) => ({
        cpuSecondsPerUnit: figures(ways, ({ cpuSeconds }, name) =>
          Number((cpuSeconds / unitsOf(name)).toPrecision(3)),
        ),
        rssMib: figures(ways, ({ rssMib }) => rssMib),
      }),
    });
  } finally {
    for (const { forward } of ways.values()) await forward.close();
    await load.close();
    await target.close();
  }
}

function sum(before: UsageByPart, now: UsageByPart): UsageByPart {
  return Object.fromEntries(
    Object.entries(now).map(([part, { cpuSeconds, rssMib }]) => [
      part,
      {
        cpuSeconds: (before[part]?.cpuSeconds ?? 0) + cpuSeconds,
        rssMib: Math.max(before[part]?.rssMib ?? 0, rssMib),
      },
    ]),
  );
}

function figures(
  ways: ReadonlyMap<string, Way>,
  figure: (usage: UsageByPart[string], name: string) => number,
): Readonly<Record<string, Readonly<Record<string, number>>>> {
  return Object.fromEntries(
    [...ways].map(([name, { used }]) => [
      name,
      Object.fromEntries(Object.entries(used).map(([part, usage]) => [part, figure(usage, name)])),
    ]),
  );
}
