// The processes of this machine that belong to a session, from /proc: those in its process groups, and
// those that carry its id in their environment, which also finds what left the group by setsid. Used where
// no cgroup is allowed. Where there is no /proc (macOS) nothing is found and groups alone must do.

import { readdir, readFile } from 'node:fs/promises';

export interface Process {
  readonly pid: number;
  readonly group: number;
  /** The session id in its environment, as far as this agent may read it. */
  readonly session: string | undefined;
}

const marker = 'SALLYPORT_SESSION=';
/** Files of /proc read at once: each takes a thread of the pool for some microseconds. */
const batch = 64;

let pending: Promise<readonly Process[]> | undefined;

/** One look at /proc serves all who ask while none has begun: a hundred sessions may end at once. */
export function listProcesses(): Promise<readonly Process[]> {
  pending ??= Promise.resolve().then(() => {
    pending = undefined;
    return readProcesses();
  });
  return pending;
}

async function readProcesses(): Promise<readonly Process[]> {
  const names = (await readOrEmpty(() => readdir('/proc'))) || [];
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found: Process[] = [];
  for (let at = 0; at < pids.length; at += batch) {
    const part = await Promise.all(pids.slice(at, at + batch).map(readProcess));
    found.push(...part.filter((process) => process !== undefined));
  }
  return found;
}

async function readProcess(pid: number): Promise<Process | undefined> {
  const stat = parseStat(await readOrEmpty(() => readFile(`/proc/${pid}/stat`, 'latin1')));
  if (stat === undefined || stat.isZombie) return undefined;
  const environment = await readOrEmpty(() => readFile(`/proc/${pid}/environ`, 'latin1'));
  const mark = environment.split('\0').find((entry) => entry.startsWith(marker));
  return { pid, group: stat.group, session: mark?.slice(marker.length) };
}

/** "pid (any name) state ppid pgrp session tty tpgid …": the name may hold spaces and parentheses. */
export function parseStat(
  line: string,
): { readonly isZombie: boolean; readonly group: number; readonly foreground: number } | undefined {
  const end = line.lastIndexOf(')');
  if (end === -1) return undefined;
  const [state, , group, , , foreground] = line.slice(end + 2).split(' ');
  if (state === undefined || group === undefined || foreground === undefined) return undefined;
  return { isZombie: state === 'Z' || state === 'X', group: Number(group), foreground: Number(foreground) };
}

/** A process that ended meanwhile, or that belongs to another user, has nothing to say. */
async function readOrEmpty<T>(read: () => Promise<T>): Promise<T | ''> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}
