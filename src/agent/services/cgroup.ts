// Control groups (version 2) as the agent uses them: one directory below its own group for each session, so
// that what a session started can be found and killed whole, also what hid behind setsid. Needs a group
// that the agent may divide: as root, or in a systemd service with Delegate=yes. No controllers are used.

import { constants, readFileSync, writeFileSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Below the agent's own group: one directory per state directory, so that a restart finds what it left. */
export async function findCgroupRoot(name: string): Promise<string | undefined> {
  try {
    const own = await ownCgroup();
    if (own === undefined) return undefined;
    const root = join(own, name);
    await mkdir(root, { recursive: true });
    // Kernels before 5.14 have no cgroup.kill; moving a process needs write access where it comes from.
    await access(join(root, 'cgroup.kill'), constants.W_OK);
    await access(join(root, 'cgroup.procs'), constants.W_OK);
    await access(join(own, 'cgroup.procs'), constants.W_OK);
    return root;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** Where the agent itself is: the v2 mount, and the path in it. */
async function ownCgroup(): Promise<string | undefined> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const groups = await readFile('/proc/self/cgroup', 'utf8');
  const mount = mounts
    .split('\n')
    .find((line) => / - cgroup2 /.test(line))
    ?.split(' ')[4];
  const path = groups
    .split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice(3);
  // Outside of what this namespace shows, the path starts with "/..".
  if (mount === undefined || path === undefined || path.startsWith('/..')) return undefined;
  return join(mount, path);
}

export async function makeCgroup(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

/** Processes in the group itself; a group that is gone has none. */
export function cgroupProcesses(path: string): readonly number[] {
  return readIfThere(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
}

/** How many live in it, groups below included (of those at least one is counted). */
export function countInCgroup(path: string): number {
  const isPopulated = readIfThere(join(path, 'cgroup.events')).includes('populated 1');
  return isPopulated ? Math.max(1, cgroupProcesses(path).length) : 0;
}

/** SIGKILL to every process in it, forks included: the kernel lets none slip through. */
export function killCgroup(path: string): void {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Removes an empty group. A session that ran as root may have made groups below: those go first. */
export async function removeCgroup(path: string): Promise<boolean> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
    await rmdir(path);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return false;
    throw error;
  }
}

/** Names of the session groups below a root. */
export async function listCgroups(root: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV');
}
