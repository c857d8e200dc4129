// A granted root and where it is on the disk: the directory that holds it, found once and then held open,
// and the root's name in it. The root itself need not exist yet.

import { closeSync, lstatSync, openSync, readlinkSync } from 'node:fs';
import { limits } from '../../core/limits.ts';
import { statusCode } from '../../wire/sftp/codes.ts';
import { partName } from '../../wire/sftp/part-name.ts';
import { below, linkTarget, type Names } from './device-path.ts';
import { directoryFlags, entry, openDirectory } from './directory-fd.ts';
import { denied, faultOf, FilesFault } from './fault.ts';

export interface Anchor {
  readonly directory: number;
  readonly name: string;
  /** The root's path without links. */
  readonly real: Names;
}

export class GrantedRoot {
  readonly #granted: Names;
  /** What a copy to the root itself is called until it is whole; undefined where nothing may be written. */
  readonly #part: string | undefined;
  #anchor: Anchor | undefined;

  constructor(granted: Names, options: { readonly mayWrite: boolean }) {
    this.#granted = granted;
    const name = granted.at(-1);
    this.#part =
      options.mayWrite && name !== undefined
        ? partName(Buffer.from(name, 'latin1')).toString('latin1')
        : undefined;
  }

  /** The names of `path` from the anchor's directory on, when it is within the root as it was granted. */
  find(path: Names): { readonly anchor: Anchor; readonly names: Names } | undefined {
    if (this.#names(path, this.#granted, '') === undefined) return undefined;
    const anchor = this.#anchored();
    return { anchor, names: this.#names(path, this.#granted, anchor.name) ?? [] };
  }

  /** The same for a path that a link gave: it may name the root by what is behind other links. */
  findReal(path: Names): { readonly anchor: Anchor; readonly names: Names } | undefined {
    try {
      const anchor = this.#anchored();
      const names = this.#names(path, anchor.real, anchor.name);
      return names === undefined ? undefined : { anchor, names };
    } catch (error) {
      // What is not there, or not to be reached, holds no path.
      faultOf(error);
      return undefined;
    }
  }

  close(): void {
    if (this.#anchor !== undefined) closeSync(this.#anchor.directory);
    this.#anchor = undefined;
  }

  #names(path: Names, root: Names, ownName: string): Names | undefined {
    const rest = below(path, root);
    if (rest !== undefined) return [ownName, ...rest];
    const beside = below(path, root.slice(0, -1));
    return this.#part !== undefined && beside?.length === 1 && beside[0] === this.#part ? beside : undefined;
  }

  #anchored(): Anchor {
    this.#anchor ??= findAnchor(this.#granted);
    return this.#anchor;
  }
}

/**
 * Links above or at a root are the device's own layout (/var/run), but only when root or this OS user made
 * them: whoever else can write there could point the grant elsewhere.
 */
function findAnchor(granted: Names): Anchor {
  let path = granted;
  for (let links = 0; links <= limits.filesLinksMax; links++) {
    const found = tryAnchor(path);
    if ('directory' in found) return found;
    path = found.to;
  }
  throw new FilesFault(statusCode.failure, 'too many links');
}

function tryAnchor(path: Names): Anchor | { readonly to: Names } {
  let directory = openSync('/', directoryFlags);
  let isKept = false;
  try {
    for (const [at, name] of path.entries()) {
      const isLast = at === path.length - 1;
      const next = isLast ? undefined : openDirectory(directory, name);
      if (next !== undefined) {
        closeSync(directory);
        directory = next;
        continue;
      }
      const target = trustedLink(entry(directory, name));
      if (target !== undefined) {
        return { to: [...linkTarget(path.slice(0, at), target), ...path.slice(at + 1)] };
      }
      if (!isLast) throw new FilesFault(statusCode.failure, 'the path changed while it was walked');
    }
    isKept = true;
    return { directory, name: path.at(-1) ?? '.', real: path };
  } finally {
    if (!isKept) closeSync(directory);
  }
}

/** The text of a link that root or this OS user made; undefined when nothing or no link is there. */
function trustedLink(path: Buffer): Buffer | undefined {
  const before = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (before?.isSymbolicLink() !== true) return undefined;
  const target = readlinkSync(path, 'buffer');
  const after = lstatSync(path, { bigint: true });
  // A link that was put in between and taken away again has changed the times of the one that is there.
  const isSame = before.ino === after.ino && before.ctimeNs === after.ctimeNs;
  const uid = Number(after.uid);
  if (!isSame || (uid !== 0 && uid !== process.geteuid?.())) {
    throw denied('a link of another OS user stands in the granted path');
  }
  return target;
}
