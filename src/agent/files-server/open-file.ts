// OPEN of a file. It is made only where no name is, and opened only by its inode, after that was seen to be
// a regular file: neither follows a link, and neither touches a device or waits at a pipe.

import { constants, openSync } from 'node:fs';
import { openFlag, statusCode } from '../../wire/sftp/codes.ts';
import type { SftpAttrs } from '../../wire/sftp/fields.ts';
import { settableMode } from './attributes.ts';
import type { ConfinedTree, HeldNode } from './confined-tree.ts';
import type { Names } from './device-path.ts';
import { denied, errnoOf, FilesFault } from './fault.ts';

/** Another process may make and remove a name over and over; then it is said and not tried forever. */
const openTriesMax = 8;
const defaultFileMode = 0o666;

export interface WantedFile {
  readonly read: boolean;
  readonly write: boolean;
  /** As on the wire. */
  readonly flags: number;
  readonly attrs: SftpAttrs;
}

/** The descriptor; its owner closes it. */
export function openFile(tree: ConfinedTree, path: Names, wanted: WantedFile): number {
  const { read, write, flags, attrs } = wanted;
  const access = write ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  const common = access | (has(flags, openFlag.append) ? constants.O_APPEND : 0);
  const present = common | (has(flags, openFlag.truncate) ? constants.O_TRUNC : 0);
  const absent = common | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  if (!has(flags, openFlag.create)) return tree.atNode(path, (node) => reopen(node, present));
  const mode = (attrs.permissions ?? defaultFileMode) & settableMode;
  for (let tries = 0; tries < openTriesMax; tries++) {
    try {
      return tree.atPlace(path, (place) => openSync(place.path, absent, mode));
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || has(flags, openFlag.exclusive)) throw error;
    }
    try {
      return tree.atNode(path, (node) => reopen(node, present));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  throw new FilesFault(statusCode.failure, 'a link that leads to nothing, or a name that comes and goes');
}

export function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

function reopen(node: HeldNode, flags: number): number {
  if (node.stats.isDirectory()) throw new FilesFault(statusCode.failure, 'it is a directory');
  // Opening alone can act on a device, and waits at a pipe.
  if (!node.stats.isFile()) throw denied('it is neither a file nor a directory');
  return openSync(node.path, flags);
}
