// Sizes, modes and times as SETSTAT and FSETSTAT ask for them. Owners stay as they are: a channel that
// could give files away would reach beyond its grant.

import { chmodSync, fchmodSync, futimesSync, truncateSync, utimesSync } from 'node:fs';
import type { SftpAttrs } from '../../wire/sftp/fields.ts';
import { settableMode } from './attributes.ts';
import type { HeldNode } from './confined-tree.ts';
import { denied } from './fault.ts';
import { truncateFile } from './file-content.ts';

/** Size first and times last, because writing moves them. */
export function setByPath({ path, stats }: HeldNode, wanted: SftpAttrs): void {
  if (!stats.isFile() && !stats.isDirectory()) throw denied('it is neither a file nor a directory');
  refuseOwner(wanted);
  if (wanted.size !== undefined) truncateSync(path, wanted.size);
  if (wanted.permissions !== undefined) chmodSync(path, wanted.permissions & settableMode);
  if (wanted.atime !== undefined && wanted.mtime !== undefined) utimesSync(path, wanted.atime, wanted.mtime);
}

export async function setByHandle(fd: number, wanted: SftpAttrs): Promise<void> {
  refuseOwner(wanted);
  if (wanted.size !== undefined) await truncateFile(fd, wanted.size);
  if (wanted.permissions !== undefined) fchmodSync(fd, wanted.permissions & settableMode);
  if (wanted.atime !== undefined && wanted.mtime !== undefined) futimesSync(fd, wanted.atime, wanted.mtime);
}

function refuseOwner(wanted: SftpAttrs): void {
  if (wanted.uid !== undefined) throw denied('owners are not changed through a files channel');
}
