// A file that somebody named, as text.

import { readFile } from 'node:fs/promises';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/** Throws `local_file` with words. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SallyportError('local_file', `"${printable(path)}" cannot be read`, {
      next: 'check the path, and who may read it',
      cause,
    });
  }
}
