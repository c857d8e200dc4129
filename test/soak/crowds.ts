// The devices of a soak: many agents in few processes, so that one kill takes a whole group of them.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { entry } from '../system/program.ts';

const endMaxMs = 30_000;

export class Crowds {
  readonly #groups: readonly (readonly string[])[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];

  /** `dirs` are joined already; `env` marks what is started from here. */
  constructor(
    dirs: readonly string[],
    { size, env }: { readonly size: number; readonly env: NodeJS.ProcessEnv },
  ) {
    const perGroup = Math.ceil(dirs.length / size);
    this.#groups = Array.from({ length: size }, (_, at) => dirs.slice(at * perGroup, (at + 1) * perGroup));
    this.#env = env;
  }

  get size(): number {
    return this.#groups.length;
  }

  pid(at: number): number {
    const { pid } = this.#children[at] ?? {};
    if (pid === undefined) throw new Error(`crowd ${at} does not run`);
    return pid;
  }

  start(at: number): void {
    const env = { PATH: process.env['PATH'], ...this.#env };
    this.#children[at] = fork(entry, ['agent', 'crowd', ...(this.#groups[at] ?? [])], { execArgv: [], env });
  }

  startAll(): void {
    for (let at = 0; at < this.size; at += 1) this.start(at);
  }

  /** A power cut of all devices in it. */
  async kill(at: number): Promise<void> {
    const child = this.#children[at];
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Throws when one does not end by SIGTERM. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit', { signal: AbortSignal.timeout(endMaxMs) });
        child.kill('SIGTERM');
        await ended.catch(() => child.kill('SIGKILL'));
        if (child.killed && child.signalCode === 'SIGKILL') throw new Error('a crowd did not end by SIGTERM');
      }),
    );
  }
}
