// What is typed for cp: "./fw" is here, "pump-7:/opt/fw" on a device, as with scp: a colon before the
// first slash makes it a device's. Pure; what cannot be meant is thrown as `invalid`, in words.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { normalPath } from '../../core/remote-path.ts';
import { formatTarget, parseTarget } from '../../core/target.ts';
import { isPattern } from './glob.ts';

export interface LocalPlace {
  readonly side: 'local';
  readonly path: string;
  /** "fw/", ".", "..": a directory that things are put into. */
  readonly isFolder: boolean;
}

export interface RemotePlace {
  readonly side: 'remote';
  readonly target: string;
  /** Normal form of core/remote-path.ts; for a glob its fixed parent: what policy is asked about. */
  readonly path: string;
  /** The segments from the first one with "*", "?" or "[" on. */
  readonly pattern: readonly string[];
  readonly isFolder: boolean;
}

export type Place = LocalPlace | RemotePlace;

/** A place to read from: on a device, the path may be a glob. */
export function readSource(typed: string): Place {
  return readPlace(typed, { canBePattern: true });
}

/** A place to write to: every character means itself. */
export function readDestination(typed: string): Place {
  return readPlace(typed, { canBePattern: false });
}

function readPlace(typed: string, options: { readonly canBePattern: boolean }): Place {
  const colon = typed.indexOf(':');
  const slash = typed.indexOf('/');
  if (colon === -1 || (slash !== -1 && slash < colon)) return readLocal(typed);
  return readRemote(typed.slice(0, colon), typed.slice(colon + 1), options);
}

function readLocal(typed: string): LocalPlace {
  if (typed.includes('\0')) throw invalid('a path holds no NUL', 'write the path as the shell shows it');
  const last = typed.slice(typed.lastIndexOf('/') + 1);
  return { side: 'local', path: typed, isFolder: last === '' || last === '.' || last === '..' };
}

function readRemote(device: string, typed: string, options: { readonly canBePattern: boolean }): RemotePlace {
  const parsed = parseTarget(device);
  if (parsed === undefined) {
    throw invalid(
      `"${printable(device, 60)}" is not a device`,
      'write DEVICE:/path for a device, or ./name for a file here that has a colon in its name',
    );
  }
  const whole = typed.startsWith('/') || typed === '~' || typed.startsWith('~/') ? typed : `~/${typed}`;
  if (typed.startsWith('~') && whole !== typed) {
    throw invalid(
      `"${printable(typed, 60)}" is somebody's home`,
      'write its whole path; "~" alone is the home of the user that policy lets you be',
    );
  }
  const segments = whole.split('/');
  // "." means nothing in any place; ".." is refused, since what it means depends on symbolic links.
  const plain = segments.filter((segment) => segment !== '.');
  const first = options.canBePattern ? plain.findIndex((segment) => isPattern(segment)) : -1;
  const fixed = first === -1 ? plain : plain.slice(0, first);
  const path = normalPath(fixed.join('/') || '/');
  const pattern = first === -1 ? [] : plain.slice(first).filter((segment) => segment !== '');
  if (path === undefined || pattern.includes('..')) {
    throw invalid(
      `"${printable(typed, 200)}" is not a path that can be decided on`,
      'write the path without ".."',
    );
  }
  const last = segments.at(-1);
  return {
    side: 'remote',
    target: formatTarget(parsed),
    path,
    pattern,
    isFolder: last === '' || last === '.' || path === '~',
  };
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}
