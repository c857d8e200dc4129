// Where a path leads: links followed as far as anything is there. The owner means places, not names, so a
// link inside his "/opt/fw" that leads to "/etc" opens nothing. Checked when a channel opens; what is
// opened later below its roots is the files service's to hold.

import { lstat, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../platform/file-fault.ts';

/** The real path of the deepest part that is there, with the rest as asked; undefined where none can be told. */
export async function realPathOf(path: string): Promise<string | undefined> {
  let rest = '';
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(await realpath(at), rest);
    } catch (error) {
      // A link that leads nowhere is missing to realpath too, and a file made through it is made elsewhere.
      if (errnoOf(error) !== 'ENOENT' || at === '/' || (await isThere(at))) return undefined;
      rest = join(at.slice(at.lastIndexOf('/') + 1), rest);
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
}
