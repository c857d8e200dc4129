// openat for Node, on Linux: a directory as a descriptor that opens nothing (O_PATH), and names below it as
// /proc/self/fd/N/name, which the kernel resolves from that very directory.

import { constants, lstatSync, openSync } from 'node:fs';
import { errnoOf } from './fault.ts';

/** Linux; not among Node's constants. Needs no right to read, only to pass through. */
const O_PATH = 0o10000000;
export const nodeFlags = O_PATH | constants.O_NOFOLLOW;
export const directoryFlags = nodeFlags | constants.O_DIRECTORY;

/** Opening this again gives the same inode, never what stands at its path now. */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

export function entry(directory: number, name: string): Buffer {
  return Buffer.from(`${fdPath(directory)}/${name}`, 'latin1');
}

/** Undefined: a link stands there. */
export function openDirectory(directory: number, name: string): number | undefined {
  const path = entry(directory, name);
  try {
    return openSync(path, directoryFlags);
  } catch (error) {
    const errno = errnoOf(error);
    if ((errno === 'ENOTDIR' || errno === 'ELOOP') && lstatSync(path).isSymbolicLink()) return undefined;
    throw error;
  }
}
