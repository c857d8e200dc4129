// Paths of a files channel as lists of names. A name is text with one character a byte (latin1), since
// names on a device need not be UTF-8 and must come back as they are. Pure: nothing here looks at a disk.

import { limits } from '../../core/limits.ts';
import { statusCode } from '../../wire/sftp/codes.ts';
import { denied, FilesFault } from './fault.ts';

/** An absolute path without "", "." and ".."; empty: the root directory. */
export type Names = readonly string[];

/**
 * What a client wrote, in normal form. Relative paths and "~" begin at the home of the OS user. ".." is
 * refused and not resolved: behind a link it would mean something else than it says.
 */
export function parsePath(path: Uint8Array, home: Names): Names {
  if (path.length > limits.filesPathMaxBytes) {
    throw new FilesFault(
      statusCode.failure,
      `the path is over the limit of ${limits.filesPathMaxBytes} bytes`,
    );
  }
  const text = Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
  if (text.includes('\0')) throw denied('the path has a NUL byte in it');
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw denied('a path with ".." is refused: write where it leads');
  if (text.startsWith('/')) return names;
  return [...home, ...(names[0] === '~' ? names.slice(1) : names)];
}

/** Of text as policy and the system's user database have it. */
export function namesOf(text: string, home: Names): Names {
  return parsePath(Buffer.from(text, 'utf8'), home);
}

/**
 * Where a link leads that stands in `directory`, which was walked and holds no link itself, so that ".."
 * means what it says. May lead anywhere: the caller checks.
 */
export function linkTarget(directory: Names, target: Uint8Array): Names {
  const text = Buffer.from(target.buffer, target.byteOffset, target.length).toString('latin1');
  const names = text.startsWith('/') ? [] : [...directory];
  for (const name of text.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

/** The names below `root`, or undefined when `path` is not within it. */
export function below(path: Names, root: Names): Names | undefined {
  return root.length <= path.length && root.every((name, at) => path[at] === name)
    ? path.slice(root.length)
    : undefined;
}

export function pathBytes(names: Names): Buffer {
  return Buffer.from(`/${names.join('/')}`, 'latin1');
}
