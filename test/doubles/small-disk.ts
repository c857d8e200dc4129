// A disk that fills up at once: a few megabytes of memory, mounted for as long as a test needs it.

import { mustRun, runCommand } from '../system/program.ts';

/** Why there can be none here; false: there can. */
export async function whyNoDisk(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root';
  const ran = await runCommand(['unshare', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return ran.code === 0 ? false : `no tmpfs can be mounted here: ${ran.stderr.trim()}`;
}

export interface SmallDisk {
  readonly mib: number;
  /** Octal. */
  readonly mode?: string;
}

/** On a folder that is there. */
export async function mountDisk(folder: string, { mib, mode = '0755' }: SmallDisk): Promise<void> {
  await mustRun(['mount', '-t', 'tmpfs', '-o', `size=${mib}m,mode=${mode}`, 'tmpfs', folder]);
}

export async function unmountDisk(folder: string): Promise<void> {
  await mustRun(['umount', folder]);
}
