// The granted roots as the only part of the file system that exists (negative test S5). The walk holds a
// descriptor of every directory it has reached and opens the next name below it without following a link
// (directory-fd.ts). So each step starts from a directory that was reached from the root by names alone,
// whatever is renamed or linked meanwhile. A link is read, its target looked up among the roots again, and
// walked in the same way: the kernel never follows one for us, the magic links of /proc included.
//
// What stays open: a directory that somebody moves out of a root while a request is under way in it, and
// hard links and mounts inside a root. Each takes somebody who may already write on both sides.

import { closeSync, fstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { limits } from '../../core/limits.ts';
import { statusCode } from '../../wire/sftp/codes.ts';
import { linkTarget, type Names } from './device-path.ts';
import { entry, fdPath, nodeFlags, openDirectory } from './directory-fd.ts';
import { denied, FilesFault } from './fault.ts';
import { GrantedRoot, type Anchor } from './root-anchor.ts';

/** A name in a directory that the walk has reached. */
export interface Place {
  /** For calls that do not follow a link in the last name. */
  readonly path: Buffer;
}

/** An inode, held; `path` opens it again, with other rights, and is only ever this inode. */
export interface HeldNode {
  readonly path: string;
  readonly stats: Stats;
}

/** Where a walk has arrived. */
interface Arrival {
  readonly directory: number;
  /** The directory's path, without links. */
  readonly walked: Names;
  readonly name: string;
}

/** Thrown inside a walk: it goes on at another path. */
class LinkFound extends Error {
  readonly to: Names;

  constructor(to: Names) {
    super('a link');
    this.to = to;
  }
}

export class ConfinedTree {
  readonly #roots: readonly GrantedRoot[];

  constructor(roots: readonly Names[], options: { readonly mayWrite: boolean }) {
    this.#roots = roots.map((granted) => new GrantedRoot(granted, options));
  }

  /** Calls `use` with the place of `path`. Links are followed, but not in the last name. */
  atPlace<T>(path: Names, use: (place: Place) => T): T {
    return this.#follow(path, ({ directory, name }) => use({ path: entry(directory, name) }));
  }

  /** Calls `use` with the inode at `path`, links followed. Held for the time of the call. */
  atNode<T>(path: Names, use: (node: HeldNode) => T): T {
    return this.#follow(path, ({ directory, walked, name }) => {
      const fd = openSync(entry(directory, name), nodeFlags);
      try {
        const stats = fstatSync(fd);
        if (stats.isSymbolicLink()) throw new LinkFound(readLink({ directory, walked, name }));
        return use({ path: fdPath(fd), stats });
      } finally {
        closeSync(fd);
      }
    });
  }

  close(): void {
    for (const root of this.#roots) root.close();
  }

  #follow<T>(start: Names, use: (arrival: Arrival) => T): T {
    let path = start;
    for (let links = 0; links <= limits.filesLinksMax; links++) {
      try {
        return walk(this.#find(path), use);
      } catch (error) {
        if (!(error instanceof LinkFound)) throw error;
        path = error.to;
      }
    }
    throw new FilesFault(statusCode.failure, 'too many links');
  }

  #find(path: Names): { readonly anchor: Anchor; readonly names: Names } {
    for (const root of this.#roots) {
      const found = root.find(path);
      if (found !== undefined) return found;
    }
    for (const root of this.#roots) {
      const found = root.findReal(path);
      if (found !== undefined) return found;
    }
    throw denied('the path is outside of what was granted');
  }
}

function walk<T>(
  { anchor, names }: { readonly anchor: Anchor; readonly names: Names },
  use: (arrival: Arrival) => T,
): T {
  const walked = anchor.real.slice(0, -1);
  let directory = anchor.directory;
  try {
    for (const [at, name] of names.entries()) {
      const isLast = at === names.length - 1;
      if (isLast) break;
      const next = openDirectory(directory, name);
      if (next === undefined) {
        throw new LinkFound([...readLink({ directory, walked, name }), ...names.slice(at + 1)]);
      }
      if (directory !== anchor.directory) closeSync(directory);
      directory = next;
      // The root directory stands in its own as ".".
      if (name !== '.') walked.push(name);
    }
    return use({ directory, walked, name: names.at(-1) ?? anchor.name });
  } finally {
    if (directory !== anchor.directory) closeSync(directory);
  }
}

function readLink({ directory, walked, name }: Arrival): Names {
  return linkTarget(walked, readlinkSync(entry(directory, name), 'buffer'));
}
