// What a Store stands on: rows and leaves that are written in whole batches. Two bodies, sqlite-backend.ts
// and memory-backend.ts. Queueing, the reserve and its overlay are not theirs (committing-store.ts).

import type { Line, LogHead } from '../log/sequencer.ts';
import type { Leaf } from '../../wire/audit-leaf.ts';
import type { PreparedCommit } from './prepared-commit.ts';
import type { Condition } from './record-columns.ts';
import type { EventFilter, RecordKind, StoreConflict } from './store.ts';

/** A record as kept. `place` rises with creation and stays through changes. */
export interface Row {
  readonly id: string;
  readonly text: string;
  readonly rev: number;
  readonly place: number;
}

export interface RowPage {
  readonly order: 'id' | 'newest';
  /** Exclusive: an id, or a place for `newest`. */
  readonly after?: string | number;
  readonly limit: number;
}

export interface EventPage {
  readonly afterSeq?: number;
  readonly limit: number;
  readonly newest?: boolean;
}

export type Outcome =
  | { readonly ok: true; readonly lines: readonly Line[] }
  | { readonly ok: false; readonly conflict: StoreConflict };

export interface Backend {
  /**
   * Writes a batch in order, durably, before it resolves. A commit that conflicts fails alone. Rejects
   * with StoreUnavailable when nothing of the batch was written. One call at a time.
   *
   * `replayedTo`: the batch comes from the reserve, up to this record; that is remembered in the same
   * transaction, and a conflict there drops the changes but keeps the events, or it would block for ever.
   */
  write(
    batch: readonly PreparedCommit[],
    replay?: { readonly replayedTo: number },
  ): Promise<readonly Outcome[]>;
  replayedTo(): Promise<number>;

  row(kind: RecordKind, id: string): Promise<Row | undefined>;
  rows(kind: RecordKind, conditions: readonly Condition[], page: RowPage): Promise<readonly Row[]>;
  count(kind: RecordKind, conditions: readonly Condition[]): Promise<number>;
  /** `filter` has its times in the log's own form. */
  events(filter: EventFilter, page: EventPage): Promise<readonly Leaf[]>;
  event(id: string): Promise<Leaf | undefined>;
  leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]>;
  head(): LogHead;
  /** A whole copy in a new file, while writes go on. */
  snapshot(path: string): Promise<void>;
  close(): Promise<void>;
}
