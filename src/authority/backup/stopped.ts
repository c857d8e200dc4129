// The database of a broker that does not run: opened as the broker would, copied, checked, restored.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../platform/clock.ts';
import { silentLog } from '../../platform/log.ts';
import { systemRandom } from '../../platform/random.ts';
import { readStateEpoch } from '../settings.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { checkStore, type StoreCheck } from './check-store.ts';
import { restoreStore, type ExportedEvent, type Restoration } from './restore.ts';
import type { SnapshotFile } from './snapshot.ts';

/** `dir`: of the authority. Throws SallyportError `store_unavailable` also where a broker has it open. */
export async function withStore<T>(dir: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqliteStore({
    path: join(dir, 'store.db'),
    reservePath: join(dir, 'reserve.bin'),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

export async function snapshotOfStopped(dir: string): Promise<SnapshotFile> {
  const path = join(dir, `snapshot-${randomBytes(8).toString('hex')}.db`);
  try {
    return await withStore(dir, async (store) => {
      const stateEpoch = await readStateEpoch(store);
      return { path, stateEpoch, ...(await store.snapshot(path)) };
    });
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

export async function checkStopped(dir: string): Promise<StoreCheck> {
  return await withStore(dir, async (store) => {
    return await checkStore(store, { stateEpoch: await readStateEpoch(store) });
  });
}

/** First whether all of it is whole; then what a restore means, in one commit. */
export async function restoreStopped(
  dir: string,
  since: readonly ExportedEvent[] | undefined,
): Promise<{ readonly check: StoreCheck; readonly restoration?: Restoration }> {
  return await withStore(dir, async (store) => {
    const check = await checkStore(store, { stateEpoch: await readStateEpoch(store) });
    if (!check.isWhole) return { check };
    const restoration = await restoreStore({ store, clock: systemClock, random: systemRandom }, since);
    return { check, restoration };
  });
}
