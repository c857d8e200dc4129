// Folders for what a run needs on the way. Gone at the end, also when the bench breaks off.

import { existsSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
/** Processes that were killed a moment ago may still be writing. */
const removeTries = 5;

export function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return within(tmpdir(), work);
}

/** In memory where the system has such a place, for files that are copied: no disk is measured. */
export function withMemoryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return within(existsSync(memory) ? memory : tmpdir(), work);
}

async function within<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, 'sallyport-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: removeTries });
  process.on('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.off('exit', remove);
    remove();
  }
}
