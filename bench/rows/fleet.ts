// Rows of scale: many idle links, their handshakes, a gate that is killed under them, what they say while idle,
// and a store with very many devices. They have processes of their own, whatever columns there are.

import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../../src/cli/api.ts';
import { bundleBare } from '../bare/bundle.ts';
import { fillStore } from '../fleet/fill-store.ts';
import { Fleet, settledKib } from '../fleet/fleet.ts';
import { endProcess } from '../measure/processes.ts';
import { firstLine } from '../measure/run.ts';
import { median, rounded } from '../measure/statistics.ts';
import { ratioTo, type Measured, type Plan, type Row } from './row.ts';

const links = 2_000;
const quickLinks = 200;
/** What the first links make a process load is not held by each. */
const firstLinks = 50;
const manyDevices = 100_000;
const quickDevices = 5_000;
const listenMs = 60_000;

let opened: Promise<Fleet> | undefined;

async function theFleet({ isQuick }: Plan): Promise<Fleet> {
  opened ??= Fleet.open(isQuick ? quickLinks : links);
  return await opened;
}

async function bareGate(): Promise<{
  readonly pid: number;
  link(count: number): Promise<number>;
  close(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-idle-'));
  const node = await bundleBare({
    programs: ['gate', 'idle-agents'],
    outdir: join(folder, 'out'),
    certificates: folder,
    nodeFlags: ['--no-maglev'],
  });
  const gate = await firstLine(node('gate'), /\{.*\}/);
  const { link: port } = JSON.parse(gate.found[0]) as { readonly link: number };
  const crowds: Awaited<ReturnType<typeof firstLine>>['child'][] = [];
  return {
    pid: gate.child.pid ?? 0,
    async link(count) {
      const startedAt = performance.now();
      crowds.push((await firstLine(node('idle-agents', String(port), String(count)), /linked/)).child);
      return (performance.now() - startedAt) / 1_000;
    },
    async close() {
      for (const crowd of crowds) await endProcess(crowd);
      await endProcess(gate.child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const idleLinkKb: Row = {
  id: 'idle-link-kb',
  unit: 'KiB',
  what: 'of the gate, for one of 2,000 idle links',
  reach: { words: '<= 1.3 x bare', of: ratioTo('bare'), isMet: (ratio) => ratio <= 1.3 },
  async measure(_columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    const bare = await bareGate();
    await bare.link(firstLinks);
    const bareBefore = await settledKib(bare.pid);
    await bare.link(fleet.size - firstLinks);
    const bareAfter = await settledKib(bare.pid);
    await bare.close();

    fleet.startAgents(firstLinks);
    await fleet.untilLinked([firstLinks]);
    const before = await settledKib(fleet.part('gate'));
    await fleet.endAgents();
    fleet.startAgents();
    await fleet.untilLinked([fleet.size]);
    const after = await settledKib(fleet.part('gate'));
    const each = fleet.size - firstLinks;
    return {
      values: { bare: (bareAfter - bareBefore) / each, sallyport: (after - before) / each },
      detail: {
        links: fleet.size,
        gateMib: Math.round(after / 1_024),
        bareMib: Math.round(bareAfter / 1_024),
      },
    };
  },
};

let perSecond: number | undefined;

const handshakes: Row = {
  id: 'handshakes-s',
  unit: '1/s',
  what: 'links, from the start of their process to the last welcome',
  async measure(_columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    const bare = await bareGate();
    const bareSeconds = await bare.link(fleet.size);
    await bare.close();
    await fleet.endAgents();
    await fleet.untilNone();
    fleet.startAgents();
    const [half = 0, all = 0] = await fleet.untilLinked([fleet.size / 2, fleet.size * 0.99]);
    perSecond = (fleet.size * 0.99) / all;
    return {
      values: { bare: fleet.size / bareSeconds, sallyport: perSecond },
      detail: { halfSeconds: rounded(half), allSeconds: rounded(all) },
    };
  },
};

const storm: Row = {
  id: 'storm-2000',
  unit: 's',
  what: 'gate killed, until 99 % of 2,000 are linked again; bare: links / handshakes-s',
  reach: { words: '<= 2 x', of: ratioTo('bare'), isMet: (ratio) => ratio <= 2 },
  async measure(columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    if (perSecond === undefined) await handshakes.measure(columns, plan);
    await fleet.untilLinked([fleet.size]);
    process.kill(fleet.part('gate'), 'SIGKILL');
    await fleet.untilFewer();
    const [half = 0, most = 0] = await fleet.untilLinked([fleet.size / 2, fleet.size * 0.99]);
    return {
      values: { bare: fleet.size / (perSecond ?? NaN), sallyport: most },
      detail: { halfSeconds: rounded(half), links: fleet.size },
    };
  },
};

const idleBytes: Row = {
  id: 'idle-bytes-hour',
  unit: 'KB',
  what: 'both ways on one idle link in an hour, from the bytes of a minute',
  reach: { words: '<= 100', of: ({ sallyport }) => sallyport, isMet: (kilobytes) => kilobytes <= 100 },
  async measure(_columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    await fleet.untilLinked([fleet.size]);
    const before = loopbackBytes();
    await new Promise((resolve) => setTimeout(resolve, listenMs));
    const bytes = loopbackBytes() - before;
    return {
      values: { sallyport: ((bytes / fleet.size) * (3_600_000 / listenMs)) / 1_000 },
      detail: {
        bytes,
        seconds: listenMs / 1_000,
        note: 'every packet on loopback, TCP and IP headers included',
      },
    };
  },
};

function loopbackBytes(): number {
  const [, received] = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'latin1')) ?? [];
  return Number(received);
}

const start100k: Row = {
  id: 'start-100k',
  unit: 's',
  what: 'start of a broker with 100,000 devices in its store, until it listens',
  reach: { words: '<= 3', of: ({ sallyport }) => sallyport, isMet: (seconds) => seconds <= 3 },
  async measure(_columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    await fleet.endAgents();
    await fleet.endBroker();
    const count = plan.isQuick ? quickDevices : manyDevices;
    await fillStore(fleet.dataDir, count);
    const samples: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const startedAt = performance.now();
      await fleet.startBroker();
      samples.push((performance.now() - startedAt) / 1_000);
      if (run < 2) await fleet.endBroker();
    }
    return {
      values: { sallyport: median(samples) },
      detail: { devices: count, samples: samples.map(rounded) },
    };
  },
};

const devicesPage: Row = {
  id: 'devices-page',
  unit: 'ms',
  what: 'one page of 100 of the list of 100,000 devices, the slower of first and last',
  reach: { words: '<= 100', of: ({ sallyport }) => sallyport, isMet: (ms) => ms <= 100 },
  async measure(_columns, plan): Promise<Measured> {
    const fleet = await theFleet(plan);
    const page = async (
      after?: string,
    ): Promise<{ readonly ms: number; readonly next: string | undefined }> => {
      const startedAt = performance.now();
      const query = { limit: 100, ...(after === undefined ? {} : { after }) };
      const { next } = await call(fleet.me, 'GET /v1/devices', { query });
      return { ms: performance.now() - startedAt, next };
    };
    const late = 'dev_zzzzzzzzzz0000000000000000';
    await page();
    const [first, last]: [number[], number[]] = [[], []];
    for (let run = 0; run < 10; run += 1) {
      first.push((await page()).ms);
      last.push((await page(late)).ms);
    }
    return {
      values: { sallyport: Math.max(median(first), median(last)) },
      detail: {
        firstMs: rounded(median(first)),
        lastMs: rounded(median(last)),
        note: 'TLS handshake included',
      },
    };
  },
};

/** In this order: the last two fill the store. */
export const fleetRows: readonly Row[] = [idleLinkKb, handshakes, storm, idleBytes, start100k, devicesPage];

export async function closeFleet(): Promise<void> {
  if (opened === undefined) return;
  const fleet = await opened;
  await fleet.close();
  await rm(fleet.folder, { recursive: true, force: true });
}
