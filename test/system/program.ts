// Sallyport as its users run it: real processes, started by their command line, watched by what they print
// and ended by their pid. `until` is how these tests wait: for something that is seen, never for a time.

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

export const entry = join(import.meta.dirname, '../../bin/sallyport.js');

const keptMaxChars = 4 * 1024 * 1024;
const lookAgainMs = 20;
const waitMaxMs = 30_000;
/** From SIGTERM to SIGKILL; a broker drains for up to ten seconds. */
const endMaxMs = 20_000;

export interface Surroundings {
  /** Words before the program, as `ip netns exec device`. */
  readonly within?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Ran extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Leave stdout alone: the test reads it, or does not. */
  readonly ownStdout?: boolean;
  /** A part of the broker, started by the test in place of its supervisor: it tells when it is ready. */
  readonly isPart?: boolean;
}

export class Program {
  readonly words: readonly string[];
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly exited: Promise<Exit>;
  /** The first message of a part. */
  readonly told: Promise<unknown>;
  stdout = '';
  stderr = '';
  wasKilled = false;
  #watchers: (() => void)[] = [];

  constructor(words: readonly string[], surroundings: Surroundings, options: StartOptions = {}) {
    this.words = words;
    const { within = [], env, uid } = surroundings;
    const [command = process.execPath, ...args] = [...within, process.execPath, entry, ...words];
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe', ...(options.isPart === true ? (['ipc'] as const) : [])],
      env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...env },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    }) as ChildProcessByStdio<Writable, Readable, Readable>;
    this.told = new Promise((resolve) => {
      this.child.once('message', resolve);
    });
    // A program that ended does not read what it was to be told.
    this.child.stdin.on('error', () => this.child.stdin.destroy());
    if (options.ownStdout !== true) {
      this.child.stdout.on('data', (chunk: Buffer) => {
        this.stdout = keep(this.stdout, chunk);
        this.#changed();
      });
    }
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr = keep(this.stderr, chunk);
      this.#changed();
    });
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      // 'exit', not 'close': a program that left a child behind holding its streams has ended all the same.
      this.child.once(options.ownStdout === true ? 'exit' : 'close', (code, signal) => {
        resolve({ code: code as number | null, signal: signal as NodeJS.Signals | null });
        this.#changed();
      });
    });
  }

  /** `ip netns exec` becomes the program: the pid is its own. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`"${this.words.join(' ')}" was not started`);
    return this.child.pid;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The first match in what it printed, on either stream. */
  async prints(pattern: RegExp, withinMs = waitMaxMs): Promise<RegExpExecArray> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      const leftMs = deadline - performance.now();
      if (this.hasExited || leftMs <= 0) {
        throw new Error(`"${this.words.join(' ')}" did not print ${pattern}; it printed\n${this.output}`);
      }
      await this.#change(leftMs);
    }
  }

  get output(): string {
    return `${this.stdout}\n${this.stderr}`;
  }

  async finished(): Promise<Ran> {
    const exit = await this.exited;
    return { ...exit, stdout: this.stdout, stderr: this.stderr };
  }

  /** SIGTERM, and SIGKILL when that is not enough; both to this process alone. */
  async end(): Promise<Exit> {
    if (this.hasExited) return await this.exited;
    this.child.kill('SIGTERM');
    const late = new AbortController();
    const isLate = pause(endMaxMs, true, { signal: late.signal }).catch(() => false);
    if ((await Promise.race([isLate, this.exited])) === true) this.child.kill('SIGKILL');
    late.abort();
    return await this.exited;
  }

  /** SIGKILL on purpose. */
  async kill(): Promise<Exit> {
    this.wasKilled = true;
    this.child.kill('SIGKILL');
    return await this.exited;
  }

  #changed(): void {
    for (const wake of this.#watchers.splice(0)) wake();
  }

  async #change(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#watchers.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function keep(text: string, chunk: Buffer): string {
  return (text + chunk.toString('utf8')).slice(-keptMaxChars);
}

/** Looks until `look` answers something other than undefined or false; throws when that takes too long. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = waitMaxMs,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(lookAgainMs);
  }
}

/** Runs any command to its end: what the tests need of the system itself. */
export async function runCommand(words: readonly string[]): Promise<Ran> {
  const [command = 'false', ...args] = words;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout = keep(stdout, chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = keep(stderr, chunk);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export async function mustRun(words: readonly string[]): Promise<string> {
  const ran = await runCommand(words);
  if (ran.code !== 0) throw new Error(`"${words.join(' ')}" failed (exit ${ran.code}): ${ran.stderr.trim()}`);
  return ran.stdout;
}
