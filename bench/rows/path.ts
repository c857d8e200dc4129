// Bytes down a forward whose link is 50 ms there and back (path/relay.ts). The bare figure is not the three
// processes, which wait at the same windows, but a plain TCP connection over such a path; they are in detail.

import type { Column, Device } from '../columns/column.ts';
import type { BulkRequest, BulkResult } from '../load/bulk.ts';
import { startRelay } from '../measure/load.ts';
import { median, rounded } from '../measure/statistics.ts';
import { megabytesPerSecond } from './bulk.ts';
import { withForwards, type Reached } from './forwards.ts';
import { interleave, ratioTo, spread, summarise, type Measured, type Plan, type Row } from './row.ts';

/** About five seconds at the path's full speed. */
const bytes = 512 * 1024 ** 2;
const quickBytes = 128 * 1024 ** 2;
const warmUpBytes = 32 * 1024 ** 2;
const rounds = 3;
const bareProcesses = 'bareProcesses';

export const pathRows: readonly Row[] = [
  {
    ...path(1),
    reach: { words: '>= 0.9 of bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.9 },
  },
  path(8),
];

function path(connections: number): Row {
  return {
    id: `path-50ms-${connections}`,
    unit: 'MB/s',
    what: `bytes down, 50 ms there and back, 1 Gbit/s, connections: ${connections}; bare is plain TCP; median of three`,
    measure: (columns, plan) =>
      withDistantDevices(columns, (reached) => measure(reached, { ...plan, connections })),
  };
}

async function measure(
  reached: readonly Reached[],
  { connections, isQuick }: Plan & { readonly connections: number },
): Promise<Measured> {
  return withForwards<BulkRequest, BulkResult, Measured>(
    { columns: reached, target: 'stream', load: 'bulk' },
    async (forwards) => {
      const request = { way: 'down', connections, bytes: isQuick ? quickBytes : bytes } as const;
      for (const one of reached) await forwards.warmUp(one, { ...request, bytes: warmUpBytes });
      const samples = await interleave(reached, rounds, async (one) =>
        megabytesPerSecond(await forwards.run(one, request)),
      );
      const { [bareProcesses]: own, ...values } = summarise(samples, median);
      const { cpuSecondsPerUnit, rssMib } = forwards.spent(() => (rounds * request.bytes) / 1e9);
      return {
        values,
        detail: {
          [bareProcesses]: own === undefined ? null : rounded(own),
          samples: spread(samples),
          cpuSecondsPerGb: cpuSecondsPerUnit,
          rssMib,
          bytes: request.bytes,
          rounds,
          connections,
        },
      };
    },
  );
}

/** A device of its own for each column, linked through a relay of its own, and a way without any of them. */
async function withDistantDevices<T>(
  columns: readonly Column[],
  work: (reached: readonly Reached[]) => Promise<T>,
): Promise<T> {
  const owned: Pick<Device, 'close'>[] = [];
  try {
    const reached: Reached[] = [];
    for (const column of columns) {
      const relay = await startRelay(column.linkPort);
      owned.push(relay);
      const device = await column.addDevice(relay.port);
      owned.push(device);
      const name = column.name === 'bare' ? bareProcesses : column.name;
      reached.push({ name, forward: withPart(device, relay.pid) });
    }
    if (columns.some(({ name }) => name === 'bare')) reached.unshift({ name: 'bare', forward: plainTcp });
    return await work(reached);
  } finally {
    for (const one of owned.toReversed()) await one.close();
  }
}

function withPart(device: Device, relay: number): Device['forward'] {
  return async (port) => {
    const forward = await device.forward(port);
    return { ...forward, parts: { ...forward.parts, relay } };
  };
}

const plainTcp: Device['forward'] = async (port) => {
  const relay = await startRelay(port);
  return { port: relay.port, parts: { relay: relay.pid }, close: () => relay.close() };
};
