// The Store in memory, for tests, with switches that make it fail.

import { limits } from '../../core/limits.ts';
import type { Chance } from '../log/sequencer.ts';
import { openCommittingStore } from './committing-store.ts';
import { MemoryBackend } from './memory-backend.ts';
import type { Reserve } from './reserve.ts';
import { stderrLog, type StoreLog } from './store-log.ts';
import type { Store } from './store.ts';

export interface MemoryStoreOptions {
  readonly clock: { now(): number };
  readonly random: Chance;
  readonly log?: StoreLog;
  readonly onSinkFailed?: (error: Error) => void;
  readonly reserveBytes?: number;
}

export interface MemoryStore extends Store {
  /** The next commit, with all that is written together with it, fails. */
  failNext(error?: Error): void;
  /** While full, commits are refused and cuts go to the reserve. */
  setFull(isFull: boolean): void;
}

export async function openMemoryStore(options: MemoryStoreOptions): Promise<MemoryStore> {
  const { clock, random, log = stderrLog, onSinkFailed = ignore } = options;
  const backend = new MemoryBackend(random);
  const reserve = memoryReserve(options.reserveBytes ?? limits.reserveBytes);
  const store = await openCommittingStore({ backend, reserve, clock, log, onSinkFailed });
  return Object.assign(store, {
    failNext: (error = new Error('told to fail')) => backend.failNext(error),
    setFull: (isFull: boolean) => backend.setFull(isFull),
  });
}

function ignore(): void {
  // The log has been told already.
}

// Memory does not survive a crash, so all that is kept of a record is the room it would take.
function memoryReserve(bytes: number): Reserve {
  let used = 0;
  return {
    found: [],
    append(records) {
      const size = records.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)), 0);
      const fits = used + size <= bytes;
      if (fits) used += size;
      return Promise.resolve(fits);
    },
    clear() {
      used = 0;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
