// Every process that the bench starts, so that each is ended by its id, whatever happens; and what a
// process has used so far, from /proc (undefined where there is none).

import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Usage {
  /** User and system time, waited-for children included. */
  readonly cpuSeconds: number;
  readonly rssMib: number;
}

const running = new Set<number>();
const told = new WeakSet<ChildProcess>();
const endWithinMs = 5_000;
/** _SC_CLK_TCK: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;
const pageBytes = 4096;

export function startProcess(command: Command, stdio: StdioOptions): ChildProcess {
  const child = spawn(command.file, command.args, {
    stdio,
    env: { ...process.env, ...command.env },
  });
  if (child.pid !== undefined) child.once('exit', adopt(child.pid));
  // Not there to be started: whoever waits for its end is told, and nobody else has to be.
  child.on('error', () => undefined);
  return child;
}

/** A process that was started otherwise, to be ended with the rest; the answer is to be called at its end. */
export function adopt(pid: number): () => void {
  running.add(pid);
  return () => void running.delete(pid);
}

/** SIGTERM, then SIGKILL for it and what it started when it does not go. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  told.add(child);
  const family = descendants(child.pid);
  const gone = once(child, 'exit');
  const timer = setTimeout(() => killAll([child.pid ?? 0, ...family]), endWithinMs);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

/** Whether the bench has told it to end. */
export function isToldToEnd(child: ChildProcess): boolean {
  return told.has(child);
}

/** The last resort, on the way out: synchronous, and nothing is left. */
export function killEverything(): void {
  for (const pid of running) killAll([...descendants(pid), pid]);
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

interface Stat {
  readonly parent: number;
  readonly endedChildrenCpuSeconds: number;
  readonly usage: Usage;
}

function readStat(pid: number | string): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Gone between the listing and the read, or a system without /proc: either way there is nothing to say.
    return undefined;
  }
  // The name may hold blanks and brackets; what follows the last bracket does not.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const secondsOf = (from: number, to: number): number =>
    fields.slice(from, to).reduce((sum, one) => sum + one, 0) / ticksPerSecond;
  const pages = fields[21] ?? 0;
  return {
    parent,
    endedChildrenCpuSeconds: secondsOf(13, 15),
    usage: { cpuSeconds: secondsOf(11, 15), rssMib: Math.round((pages * pageBytes) / 2 ** 20) },
  };
}

export function usageOf(pid: number): Usage | undefined {
  return readStat(pid)?.usage;
}

/** Of every process that the bench has started and seen the end of. */
export function endedChildrenCpuSeconds(): number {
  return readStat('self')?.endedChildrenCpuSeconds ?? 0;
}

function allParents(): ReadonlyMap<number, number> {
  const parents = new Map<number, number>();
  if (process.platform !== 'linux') return parents;
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (stat !== undefined) parents.set(Number(name), stat.parent);
  }
  return parents;
}

/** Children before grandchildren. */
export function descendants(pid: number): readonly number[] {
  const parents = allParents();
  const found: number[] = [];
  for (let level = [pid]; level.length > 0;) {
    level = [...parents].filter(([, parent]) => level.includes(parent)).map(([child]) => child);
    found.push(...level);
  }
  return found;
}

export function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // As in readStat.
    return [];
  }
}
