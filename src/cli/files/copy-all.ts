// A whole plan: directories first, then many files at once, then the directories' own modes and times. The
// first file that fails stops the copy: what is done stays, what is under way is taken back.

import { limits } from '../../core/limits.ts';
import { copyFile, type CopyContext, type CopyStatus } from './copy-file.ts';
import { folderName } from './names.ts';
import type { Plan, PlannedFile, PlannedFolder } from './plan.ts';
import type { Side } from './side.ts';

export interface CopiedItem {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly status: CopyStatus;
  readonly bytes: number;
  readonly sha256: string;
}

export interface CopyAllOptions extends Omit<CopyContext, 'signal'> {
  /** From outside: Ctrl-C. */
  readonly signal: AbortSignal;
  readonly onBegin: (file: PlannedFile) => void;
  readonly onDone: (item: CopiedItem) => void;
}

/** Throws what stopped it. */
export async function copyAll(plan: Plan, options: CopyAllOptions): Promise<void> {
  const areNew = await makeFolders(plan.folders, options.sink);
  const failed = new AbortController();
  const ctx: CopyContext = { ...options, signal: AbortSignal.any([options.signal, failed.signal]) };
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (;;) {
      const file = plan.files[next];
      next += 1;
      if (file === undefined || failure !== undefined) return;
      try {
        options.onBegin(file);
        const copied = await copyFile(ctx, {
          from: file.from,
          to: file.to,
          size: file.facts.size,
          isNewFolder: file.folder !== undefined && areNew[file.folder] === true,
        });
        options.onDone({ from: file.from, to: file.to, ...copied });
      } catch (error) {
        failure ??= { error };
        failed.abort(error);
        return;
      }
    }
  };
  const workers = Math.min(limits.filesAtOnce, plan.files.length);
  await Promise.all(Array.from({ length: workers }, work));
  if (failure !== undefined) throw failure.error;
  await settleFolders(plan.folders, areNew, options.sink);
}

/** Folders that may be made at once: breadth first, a level ends where one lies in another of it. */
function levelsOf(folders: readonly PlannedFolder[]): readonly (readonly number[])[] {
  const levels: number[][] = [];
  let level: number[] = [];
  let paths = new Set<string>();
  for (const [index, { to }] of folders.entries()) {
    if (paths.has(folderName(to).toString('latin1')) || level.length === limits.filesRequestsInFlight) {
      levels.push(level);
      level = [];
      paths = new Set();
    }
    level.push(index);
    paths.add(to.toString('latin1'));
  }
  return [...levels, level];
}

/** Answers which were made here. */
async function makeFolders(folders: readonly PlannedFolder[], sink: Side): Promise<readonly boolean[]> {
  const areNew: boolean[] = [];
  for (const level of levelsOf(folders)) {
    const made = await Promise.all(
      level.map(async (index) => {
        const folder = folders[index];
        return folder !== undefined && (await sink.makeFolder(folder.to));
      }),
    );
    areNew.push(...made);
  }
  return areNew;
}

/** Deepest first, since a directory may lose the right to look into it. */
async function settleFolders(
  folders: readonly PlannedFolder[],
  areNew: readonly boolean[],
  sink: Side,
): Promise<void> {
  for (const level of levelsOf(folders).toReversed()) {
    await Promise.all(
      level.map(async (index) => {
        const folder = folders[index];
        // A directory that was there keeps what its owner gave it.
        if (folder === undefined || areNew[index] !== true) return;
        const { mode, mtimeMs } = folder.facts;
        await sink.settleFolder(folder.to, { mode, mtimeMs });
      }),
    );
  }
}
