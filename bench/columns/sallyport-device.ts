// One device of the product: invited, joined and run by its own commands, and forwards to its ports.

import { join } from 'node:path';
import type { Parts } from '../measure/part-usage.ts';
import { endProcess, type Command } from '../measure/processes.ts';
import { firstLine, timed } from '../measure/run.ts';
import type { Device } from './column.ts';

export interface DeviceOptions {
  readonly name: string;
  /** Of the broker, as this device dials it. */
  readonly address: string;
  /** For what it keeps. */
  readonly folder: string;
  readonly operator: string;
  readonly asAdmin: (...args: readonly string[]) => Command;
  readonly asOperator: (...args: readonly string[]) => Command;
  /** The broker's processes. */
  readonly parts: Parts;
}

export interface ProductDevice extends Device {
  readonly parts: Parts;
}

const onlineTries = 100;

export async function startDevice(options: DeviceOptions): Promise<ProductDevice> {
  const { name, address, operator, asAdmin, asOperator } = options;
  const state = join(options.folder, name);
  const invited = await json(asAdmin('devices', 'invite', name, '--owner', operator, '--json'));
  await timed(asAdmin('agent', 'join', address, '--token', String(invited['token']), '--state', state));
  const agent = await firstLine(asAdmin('agent', 'run', '--state', state), /\n/);
  for (let left = onlineTries; ; left -= 1) {
    if ((await json(asAdmin('devices', 'show', name, '--json')))['online'] === true) break;
    if (left === 0) throw new Error(`"${name}" did not come online`);
  }
  const parts = { ...options.parts, agent: agent.child.pid ?? 0 };
  return {
    parts,
    async forward(to) {
      const { child, found } = await firstLine(
        asOperator('forward', name, '--to', `127.0.0.1:${to}`),
        /listening at \S+:(\d+) for/,
      );
      return {
        port: Number(found[1]),
        parts: { ...parts, operator: child.pid ?? 0 },
        close: () => endProcess(child),
      };
    },
    close: () => endProcess(agent.child),
  };
}

/** What a command prints with --json. */
export async function json(command: Command): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await timed(command)).stdout) as Record<string, unknown>;
}
