// The processes of this machine that belong to a session, from /proc: those in its process groups, and
// those that carry its id in their environment, which also finds what left the group by setsid. Used where
// no cgroup is allowed. Where there is no /proc (macOS) nothing is found and groups alone must do.

import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  readonly pid: number;
  readonly group: number;
  /** The session id in its environment, as far as this agent may read it. */
  readonly session: string | undefined;
}

const marker = 'SALLYPORT_SESSION=';
/** Processes looked at in one go, about a millisecond; then others have their turn. */
const batch = 32;

let pending: Promise<readonly Process[]> | undefined;

/** One look at /proc serves all who ask while none has begun: a hundred sessions may end at once. */
export function listProcesses(): Promise<readonly Process[]> {
  pending ??= Promise.resolve().then(() => {
    pending = undefined;
    return readProcesses();
  });
  return pending;
}

// Read at once and not by the thread pool: these files are never waited for, and the way through the pool
// costs ten times the read.
async function readProcesses(): Promise<readonly Process[]> {
  const names = readOrEmpty(() => readdirSync('/proc')) || [];
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found: Process[] = [];
  for (let at = 0; at < pids.length; at += batch) {
    found.push(...pids.slice(at, at + batch).flatMap((pid) => readProcess(pid) ?? []));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

function readProcess(pid: number): Process | undefined {
  const stat = parseStat(readOrEmpty(() => readFileSync(`/proc/${pid}/stat`, 'latin1')));
  if (stat === undefined || stat.isZombie) return undefined;
  const environment = readOrEmpty(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
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

/** No /proc, a process that ended meanwhile, or one of another user. */
const nothingToSay: ReadonlySet<unknown> = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

/** Any other error is thrown: out of files, a process that runs would look as if there were none. */
function readOrEmpty<T>(read: () => T): T | '' {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && nothingToSay.has(error.code)) return '';
    throw error;
  }
}
