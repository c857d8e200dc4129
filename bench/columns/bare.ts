// The floor: bench/bare in three Node processes.

import { join } from 'node:path';
import { bundleBare } from '../bare/bundle.ts';
import type { Parts } from '../measure/part-usage.ts';
import { endProcess, type Command } from '../measure/processes.ts';
import { firstLine } from '../measure/run.ts';
import type { Column, Device } from './column.ts';

const outdir = join(import.meta.dirname, '..', 'out', 'bare');
const programs = ['gate', 'agent', 'operator', 'forward', 'crowd'];

export async function startBare(folder: string, shell: string): Promise<Column> {
  const node = await bundleBare({ programs, outdir, certificates: join(folder, 'bare') });
  const gate = await firstLine(node('gate'), /\{.*\}/);
  const ports = JSON.parse(gate.found[0]) as { readonly link: number; readonly operators: number };
  const operators = String(ports.operators);
  let links = 0;
  const startDevice = async (port: number): Promise<Device & { readonly parts: Parts }> => {
    const agent = await firstLine(node('agent', String(port)), /linked/);
    const link = String(links);
    links += 1;
    const parts = { gate: gate.child.pid ?? 0, agent: agent.child.pid ?? 0 };
    return {
      parts,
      async forward(to) {
        const { child, found } = await firstLine(node('forward', operators, link, String(to)), /\{.*\}/);
        const { listen } = JSON.parse(found[0]) as { readonly listen: number };
        return {
          port: listen,
          parts: { ...parts, operator: child.pid ?? 0 },
          close: () => endProcess(child),
        };
      },
      close: () => endProcess(agent.child),
    };
  };
  const own = await startDevice(ports.link);
  const showShell = (): Command => node('operator', operators, 'shell', shell, '-l');
  return {
    name: 'bare',
    exec: (argv) => node('operator', operators, 'exec', ...argv),
    shell: showShell,
    linkShell: showShell,
    forward: (to) => own.forward(to),
    linkPort: ports.link,
    addDevice: startDevice,
    crowd: {
      command: (count, argv) => node('crowd', operators, String(count), ...argv),
      restore: async () => undefined,
    },
    parts: own.parts,
    async close() {
      await own.close();
      await endProcess(gate.child);
    },
  };
}
