// The reserve (design 1.4): where cuts are written down while the store cannot be written. Two bodies:
// reserve-file.ts, preallocated on the disk, and the memory store's own.

import type { Commit } from './store.ts';

/** A held commit. Numbers rise by one from record to record and are never used again. */
export interface ReserveRecord {
  readonly number: number;
  /** Unix ms at the call. */
  readonly at: number;
  readonly commit: Commit;
}

export interface Reserve {
  /** What was held when it was opened, in order. */
  readonly found: readonly ReserveRecord[];
  /** Durable when it resolves with true; false: no room, nothing of it was written. May reject. */
  append(records: readonly ReserveRecord[]): Promise<boolean>;
  /** Forgets everything held. */
  clear(): Promise<void>;
  close(): Promise<void>;
}
