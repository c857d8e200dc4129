// What a copy will do, before it does anything: every directory and file below the sources, with sizes,
// so that progress knows the whole and a wrong argument costs nothing. Links inside a directory, and what
// is neither file nor directory, are left out and said.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { FileFault } from '../../platform/file-fault.ts';
import { notPlain, tooMany } from './faults.ts';
import { isPattern, matchesGlob, parseGlob } from './glob.ts';
import { joinPath } from './names.ts';
import type { FileFacts, Side } from './side.ts';

/** A file or directory that was named, after globs. */
export interface Source {
  readonly path: Buffer;
  /** Through a link where it is one. */
  readonly facts: FileFacts;
}

export interface PlannedFolder {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly facts: FileFacts;
}

export interface PlannedFile extends PlannedFolder {
  /** Index of the folder of this plan that it lies in. */
  readonly folder: number | undefined;
}

export interface Plan {
  /** Parents before what is in them. */
  readonly folders: readonly PlannedFolder[];
  readonly files: readonly PlannedFile[];
  readonly bytes: number;
}

/** Directories listed at once. */
const listsAtOnce = 16;

/** What one argument names. Throws when that is nothing, or a directory without -r. */
export async function findSources(
  side: Side,
  named: { readonly path: Buffer; readonly pattern: readonly string[]; readonly isRecursive: boolean },
): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for (const path of await expand(side, named.path, named.pattern)) {
    const facts = await side.stat(path);
    // A link that leads nowhere is listed and is not there.
    if (facts === undefined && named.pattern.length > 0) continue;
    if (facts === undefined) throw nothing(side, path);
    if (facts.type === 'other') throw notPlain(side.shown(path), 'neither a plain file nor a directory');
    if (facts.type === 'folder' && !named.isRecursive) {
      throw new SallyportError('invalid', `"${side.shown(path)}" is a directory`, {
        next: 'add -r to copy it with all that is in it',
      });
    }
    sources.push({ path, facts });
  }
  if (sources.length === 0) {
    const pattern = joinPath(named.path, Buffer.from(named.pattern.join('/')));
    throw nothing(side, pattern);
  }
  return sources;
}

function nothing(side: Side, path: Buffer): SallyportError {
  return new SallyportError(side.faultCode, `"${side.shown(path)}" is not there`, { next: 'check the path' });
}

/** Patterns never leave the directory that they stand in: names are listed, and then compared. */
async function expand(side: Side, path: Buffer, pattern: readonly string[]): Promise<readonly Buffer[]> {
  let found: readonly Buffer[] = [path];
  for (const [at, segment] of pattern.entries()) {
    const isLast = at === pattern.length - 1;
    if (!isPattern(segment)) {
      const folders: Buffer[] = [];
      for (const folder of found) if (await isFolder(side, folder)) folders.push(folder);
      found = folders.map((folder) => joinPath(folder, Buffer.from(segment)));
      continue;
    }
    const glob = parseGlob(segment);
    const next: Buffer[] = [];
    for (const folder of found) {
      if (at > 0 && !(await isFolder(side, folder))) continue;
      for (const { name, facts } of await side.list(folder)) {
        if (!matchesGlob(glob, name)) continue;
        const canGoOn = isLast || facts.type === 'folder' || facts.type === 'link';
        if (canGoOn) next.push(joinPath(folder, name));
      }
    }
    found = next;
  }
  return found;
}

/** A name that a pattern met on its way and that leads nowhere, or where nobody may go, matches nothing. */
async function isFolder(side: Side, path: Buffer): Promise<boolean> {
  try {
    return (await side.stat(path))?.type === 'folder';
  } catch (error) {
    if (error instanceof SallyportError || error instanceof FileFault) return false;
    throw error;
  }
}

/** Everything below the sources. `skip` is told of what is left out. */
export async function makePlan(
  side: Side,
  named: readonly { readonly source: Source; readonly to: Buffer }[],
  skip: (shown: string, what: string) => void,
): Promise<Plan> {
  const folders: PlannedFolder[] = [];
  const files: PlannedFile[] = [];
  let bytes = 0;
  const add = (file: PlannedFile): void => {
    if (files.length + folders.length >= limits.filesPlannedMax) throw tooMany(side.shown(file.from));
    files.push(file);
    bytes += file.facts.size;
  };
  for (const { source, to } of named) {
    const { path: from, facts } = source;
    if (facts.type === 'folder') folders.push({ from, to, facts });
    else add({ from, to, facts, folder: undefined });
  }
  for (let at = 0; at < folders.length;) {
    const batch = folders.slice(at, at + listsAtOnce);
    const listed = await Promise.all(batch.map(({ from }) => side.list(from)));
    for (const [index, entries] of listed.entries()) {
      const parent = batch[index];
      if (parent === undefined) continue;
      for (const { name, facts } of entries) {
        const from = joinPath(parent.from, name);
        const to = joinPath(parent.to, name);
        if (facts.type === 'file') add({ from, to, facts, folder: at + index });
        else if (facts.type === 'folder') {
          if (from.length > limits.filesPathMaxBytes) throw tooDeep(side.shown(parent.from));
          folders.push({ from, to, facts });
        } else skip(side.shown(from), facts.type === 'link' ? 'a symbolic link' : 'no plain file');
      }
    }
    at += batch.length;
  }
  return { folders, files, bytes };
}

function tooDeep(shown: string): SallyportError {
  return new SallyportError('too_large', `directories go deeper than any path can below "${shown}"`, {
    next: 'copy it as an archive: sallyport exec TARGET -- tar c PATH',
  });
}
