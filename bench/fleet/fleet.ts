// A fleet for the bench: a broker as it is packed, and very many idle agents in one process, each what `agent run`
// has. Made once for all rows that need it.

import type { ChildProcess } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinAgent } from '../../src/agent/join.ts';
import { allPages, call } from '../../src/cli/api.ts';
import { readSignIn, type SignIn } from '../../src/cli/profile.ts';
import { packProduct } from '../columns/pack-product.ts';
import { freePort } from '../measure/port.ts';
import {
  commandLine,
  descendants,
  endProcess,
  startProcess,
  usageOf,
  type Command,
} from '../measure/processes.ts';
import { firstLine, timed } from '../measure/run.ts';

const root = join(import.meta.dirname, '..', '..');
const product = join(root, 'bench', 'out', 'product');
const joinedAtOnce = 8;
const waitMaxMs = 300_000;

export class Fleet {
  readonly folder: string;
  readonly address: string;
  readonly size: number;
  readonly #dirs: string[] = [];
  #broker: ChildProcess | undefined;
  #agents: ChildProcess | undefined;
  #me: SignIn | undefined;

  private constructor(folder: string, port: number, size: number) {
    this.folder = folder;
    this.address = `localhost:${port}`;
    this.size = size;
  }

  static async open(size: number): Promise<Fleet> {
    await packProduct(root, product);
    const fleet = new Fleet(await mkdtemp(join(tmpdir(), 'sallyport-bench-fleet-')), await freePort(), size);
    const found = await fleet.startBroker(/--invite (\S+)[\s\S]*listening on/);
    await timed(fleet.command('login', fleet.address, '--invite', found[1] ?? ''));
    process.env['SALLYPORT_HOME'] = join(fleet.folder, 'admin');
    fleet.#me = readSignIn(fleet.address);
    await fleet.#join();
    return fleet;
  }

  get me(): SignIn {
    if (this.#me === undefined) throw new Error('the administrator is not signed in');
    return this.#me;
  }

  get dataDir(): string {
    return join(this.folder, 'broker');
  }

  command(...args: readonly string[]): Command {
    return {
      file: process.execPath,
      args: [join(product, 'bin', 'sallyport.js'), ...args],
      env: { SALLYPORT_HOME: join(this.folder, 'admin') },
    };
  }

  async startBroker(until = /listening on 127/): Promise<RegExpExecArray> {
    const listen = this.address.replace('localhost', '127.0.0.1');
    const words = ['broker', 'run', '--data', this.dataDir, '--listen', listen, '--name', 'localhost'];
    const { child, found } = await firstLine(this.command(...words), until);
    this.#broker = child;
    return found;
  }

  async endBroker(): Promise<void> {
    if (this.#broker !== undefined) await endProcess(this.#broker);
  }

  async #join(): Promise<void> {
    const body = { name: 'd-{n}', count: this.size, accept: 'all' } as const;
    const { token } = await call(this.me, 'POST /v1/devices/invitations', { body });
    let number = 0;
    const lane = async (): Promise<void> => {
      while (number < this.size) {
        const state = join(this.folder, `d${(number += 1)}`);
        await joinAgent({ address: this.address, token, state });
        this.#dirs.push(state);
      }
    };
    await Promise.all(Array.from({ length: joinedAtOnce }, lane));
  }

  /** `count` of them, in one process. */
  startAgents(count = this.size): void {
    this.#agents = startProcess(this.command('agent', 'crowd', ...this.#dirs.slice(0, count)), 'ignore');
  }

  async endAgents(): Promise<void> {
    if (this.#agents !== undefined) await endProcess(this.#agents);
  }

  /** As the broker sees it; 0 while it does not answer. */
  async linked(): Promise<number> {
    try {
      const online = await allPages((page) =>
        call(this.me, 'GET /v1/devices', { query: { ...page, limit: 1_000, online: 'true' } }),
      );
      return online.length;
    } catch (error) {
      if (error instanceof Error) return 0;
      throw error;
    }
  }

  /** Seconds until each of these counts is linked. */
  async untilLinked(counts: readonly number[], lookMs = 250): Promise<readonly number[]> {
    const startedAt = performance.now();
    const seconds: number[] = [];
    for (;;) {
      const linked = await this.linked();
      while (seconds.length < counts.length && linked >= (counts[seconds.length] ?? Infinity)) {
        seconds.push((performance.now() - startedAt) / 1_000);
      }
      if (seconds.length === counts.length) return seconds;
      if (performance.now() - startedAt > waitMaxMs)
        throw new Error(`${linked} of ${counts.at(-1)} are linked`);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  async untilNone(): Promise<void> {
    while ((await this.linked()) > 0) await new Promise((resolve) => setTimeout(resolve, 250));
  }

  /** The broker has seen that links are gone. */
  async untilFewer(): Promise<void> {
    while ((await this.linked()) >= this.size) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  part(name: 'gate' | 'authority'): number {
    const pid = descendants(this.#broker?.pid ?? 0).find((one) => commandLine(one).includes(name));
    if (pid === undefined) throw new Error(`the broker has no ${name}`);
    return pid;
  }

  async close(): Promise<void> {
    await this.endAgents();
    await this.endBroker();
  }
}

/** KiB, the least of a few looks: what waits to be collected is not held. */
export async function settledKib(pid: number): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < 10; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    least = Math.min(least, (usageOf(pid)?.rssMib ?? Infinity) * 1_024);
  }
  return least;
}
