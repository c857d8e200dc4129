// Where each source goes: the rules of cp, without its trap that the same command typed twice does two
// things. Pure.
//
//   DST/, ".", "TARGET:" or several sources   into the directory DST, which must be there
//   one file                                  into DST where that is a directory, else as DST
//   one directory                             as DST, which must be new or have the source's own name;
//                                             a resume goes on in whatever is there

import { SallyportError } from '../../core/errors.ts';
import { joinPath, shownPath } from './names.ts';
import type { FileType } from './side.ts';

export interface SourceName {
  /** Its last name; empty for "/". */
  readonly name: Buffer;
  readonly isFolder: boolean;
  readonly shown: string;
}

export interface Destination {
  readonly path: Buffer;
  readonly name: Buffer;
  /** Typed as a directory. */
  readonly isFolder: boolean;
  /** What is there; undefined: nothing. */
  readonly type: FileType | undefined;
  readonly shown: string;
}

/** One path for each source. Throws `invalid` or `conflict`. */
export function chooseDestinations(
  sources: readonly SourceName[],
  to: Destination,
  options: { readonly isResume: boolean },
): readonly Buffer[] {
  const [only] = sources;
  if (sources.length > 1 || to.isFolder || only === undefined) return allInto(sources, to);
  if (!only.isFolder) return to.type === 'folder' ? allInto(sources, to) : [to.path];
  if (to.type === undefined || (to.type === 'folder' && options.isResume)) return [to.path];
  if (to.type !== 'folder') {
    throw new SallyportError('conflict', `"${to.shown}" is there and is no directory`, {
      next: `choose another name for the copy of "${only.shown}"`,
    });
  }
  if (only.name.equals(to.name)) return [to.path];
  throw new SallyportError('conflict', `"${to.shown}" is there already`, {
    next:
      `write "${to.shown}/" to make "${shownPath(joinPath(to.path, only.name))}", ` +
      `or add --resume to go on writing "${to.shown}" itself`,
  });
}

function allInto(sources: readonly SourceName[], to: Destination): readonly Buffer[] {
  if (to.type !== 'folder') {
    const what = to.type === undefined ? 'is not there' : 'is no directory';
    throw new SallyportError('conflict', `"${to.shown}" ${what}, and a directory is needed to copy into`, {
      next: 'make the directory first, or name another',
    });
  }
  const seen = new Map<string, SourceName>();
  return sources.map((source) => {
    if (source.name.length === 0) {
      throw new SallyportError('invalid', `"${source.shown}" has no name of its own`, {
        next: 'name the directory that the copy becomes',
      });
    }
    const key = source.name.toString('latin1');
    const other = seen.get(key);
    if (other !== undefined) {
      throw new SallyportError(
        'conflict',
        `"${other.shown}" and "${source.shown}" would become the same file`,
        { next: 'copy them one by one, to different names' },
      );
    }
    seen.set(key, source);
    return joinPath(to.path, source.name);
  });
}
