// Ten thousand files of about a kibibyte in a hundred directories, up, and down in detail, by each column's
// own copying command. Bare has none.

import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../columns/column.ts';
import { withMemoryFolder } from '../measure/folder.ts';
import { median, rounded } from '../measure/statistics.ts';
import { Copying } from './copying.ts';
import { interleave, ratioTo, spread, summarise, type Measured, type Row } from './row.ts';

const directories = 100;
const quickDirectories = 20;
const filesEach = 100;
const rounds = 3;
/** Sizes go round from half a kibibyte to one and a half. */
const sizeMin = 512;
const sizeSpread = 1_024;

interface Tree {
  readonly files: number;
  readonly bytes: number;
}

export const cpSmall: Row = {
  id: 'cp-10k-small',
  unit: 's',
  what: '10,000 files of about 1 KiB in 100 directories up, process start to exit, from memory to memory; median of three',
  reach: { words: '< 1 of openssh', of: ratioTo('openssh'), isMet: (ratio) => ratio < 1 },
  measure: (all, { isQuick }) =>
    withMemoryFolder((folder) =>
      measure(
        all.filter(({ copy }) => copy !== undefined),
        { folder, isQuick },
      ),
    ),
};

async function measure(
  columns: readonly Column[],
  { folder, isQuick }: { readonly folder: string; readonly isQuick: boolean },
): Promise<Measured> {
  const source = join(folder, 'source');
  const tree = await plant(source, isQuick ? quickDirectories : directories);
  const turns = isQuick ? 1 : rounds;
  const copying = { up: new Copying(), down: new Copying() };
  const copy = async (column: Column, way: 'up' | 'down'): Promise<number> => {
    const to = join(folder, `${column.name}-${way}`);
    const ms = await copying[way].run(column, { way, from: source, to, isRecursive: true });
    const came = await count(to);
    if (came.files !== tree.files || came.bytes !== tree.bytes) {
      throw new Error(`${column.name}: ${came.files} of ${tree.files} files were copied ${way}`);
    }
    await rm(to, { recursive: true });
    return ms / 1_000;
  };
  const up = await interleave(columns, turns, (column) => copy(column, 'up'));
  const down = await interleave(columns, turns, (column) => copy(column, 'down'));
  return {
    values: summarise(up, median),
    detail: {
      down: summarise(down, (samples) => rounded(median(samples))),
      samples: { up: spread(up), down: spread(down) },
      cpuSecondsPerCopy: { up: copying.up.cpuSecondsPer(turns), down: copying.down.cpuSecondsPer(turns) },
      ...tree,
      rounds: turns,
    },
  };
}

async function plant(root: string, count: number): Promise<Tree> {
  const block = Buffer.alloc(sizeMin + sizeSpread, 'sallyport ');
  let [files, bytes] = [0, 0];
  for (let at = 0; at < count; at += 1) {
    const directory = join(root, `d${at}`);
    await mkdir(directory, { recursive: true });
    for (let of = 0; of < filesEach; of += 1) {
      const size = sizeMin + ((files * 37) % sizeSpread);
      await writeFile(join(directory, `f${of}`), block.subarray(0, size));
      files += 1;
      bytes += size;
    }
  }
  return { files, bytes };
}

async function count(root: string): Promise<Tree> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return { files, bytes };
}
