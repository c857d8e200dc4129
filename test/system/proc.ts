// What /proc says about processes, for tests that must know what really lives: whose environment or command
// line carries a mark, who started whom, how much memory one holds, whether its streams move.

import { readdirSync, readFileSync } from 'node:fs';

/** Content of /proc/PID/NAME; empty for a process that is gone, or is not ours to look at. */
function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

function allPids(): readonly number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** Zombies have no command line and do nothing any more; they do not count. */
export function commandOf(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

export function isAlive(pid: number): boolean {
  return commandOf(pid) !== '';
}

export function pidsWithEnvironment(name: string, value: string): readonly number[] {
  const entry = `\0${name}=${value}\0`;
  return allPids().filter((pid) => isAlive(pid) && `\0${read(pid, 'environ')}`.includes(entry));
}

/** Processes whose command line is exactly these words. */
export function pidsRunning(...argv: readonly string[]): readonly number[] {
  const wanted = `${argv.join('\0')}\0`;
  return allPids().filter((pid) => read(pid, 'cmdline') === wanted);
}

/** Children of `parent` whose command line contains all of these. */
export function childrenOf(parent: number, ...words: readonly string[]): readonly number[] {
  return allPids().filter((pid) => {
    const ppid = /^PPid:\s+(\d+)$/m.exec(read(pid, 'status'))?.[1];
    return Number(ppid) === parent && words.every((word) => commandOf(pid).includes(word));
  });
}

export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status'))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} is gone`);
  return Number(kib) * 1024;
}

/** Bytes that the process has read and written so far, on everything. */
export function bytesMoved(pid: number): number {
  const numbers = [...read(pid, 'io').matchAll(/^[rw]char: (\d+)$/gm)];
  return numbers.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}
