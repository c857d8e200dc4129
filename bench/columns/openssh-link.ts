// OpenSSH in the product's shape: the sshd stands for the broker, "the device" keeps a connection to it that
// carries `ssh -R` ports, and the operator's `ssh -L` leads to one of those through the same sshd.

import { freePort, untilListening } from '../measure/port.ts';
import type { Parts } from '../measure/part-usage.ts';
import { descendants, endProcess, startProcess, type Command } from '../measure/processes.ts';
import { timed } from '../measure/run.ts';
import type { Device } from './column.ts';

export interface LinkOptions {
  readonly ssh: (...args: readonly string[]) => Command;
  /** Process id of the sshd. */
  readonly sshd: number;
  /** What the device dials. */
  readonly port: number;
  /** Where the device's ssh takes further ports. */
  readonly control: string;
}

export interface OpensshLink extends Device {
  readonly parts: Parts;
  /** Gives a port of the sshd's machine that leads to one of the device, until the link ends. */
  expose(to: number): Promise<number>;
}

const host = 'bench';
const tries = 100;
const everyMs = 50;

export async function startLink({ ssh, sshd, port: dialled, control }: LinkOptions): Promise<OpensshLink> {
  const before = descendants(sshd);
  const dial = ssh('-p', String(dialled), '-M', '-S', control, '-N', host);
  const device = startProcess(dial, ['ignore', 'ignore', 'inherit']);
  for (let left = tries; !(await isUp(ssh('-S', control, '-O', 'check', host))); left -= 1) {
    if (left === 0) throw new Error('the device of the openssh column has no connection');
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const parts = { agent: device.pid ?? 0, ...servers('gate-link', sshd, before) };
  const expose = async (to: number): Promise<number> => {
    const way = `127.0.0.1:0:127.0.0.1:${to}`;
    return Number((await timed(ssh('-S', control, '-O', 'forward', '-R', way, host))).stdout);
  };
  return {
    parts,
    expose,
    async forward(to) {
      const between = await expose(to);
      const others = descendants(sshd);
      const port = await freePort();
      const way = `127.0.0.1:${port}:127.0.0.1:${between}`;
      const operator = startProcess(ssh('-N', '-L', way, host), ['ignore', 'ignore', 'inherit']);
      await untilListening(port);
      return {
        port,
        parts: { ...parts, operator: operator.pid ?? 0, ...servers('gate', sshd, others) },
        async close() {
          await endProcess(operator);
          await timed(ssh('-S', control, '-O', 'cancel', '-R', `127.0.0.1:${between}:127.0.0.1:${to}`, host));
        },
      };
    },
    close: () => endProcess(device),
  };
}

async function isUp(check: Command): Promise<boolean> {
  try {
    await timed(check);
    return true;
  } catch {
    // Not yet: the caller counts.
    return false;
  }
}

/** What the sshd has started since: one process for a connection, or two where it drops privileges. */
function servers(part: string, sshd: number, before: readonly number[]): Parts {
  const started = descendants(sshd).filter((pid) => !before.includes(pid));
  return Object.fromEntries(started.map((pid, at) => [at === 0 ? part : `${part}-${at + 1}`, pid]));
}
