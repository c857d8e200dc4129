// Changes one record by compare-and-set: read, change, commit; again when somebody was faster.

import type { EventDraft } from '../../core/event.ts';
import { StoreConflict, type Change, type RecordKind, type Records, type Store } from './store.ts';

/** A record has a handful of writers at most, so few turns are enough. */
const turnsMax = 8;

export interface RecordChange<K extends RecordKind> {
  readonly value: Records[K];
  readonly events: readonly EventDraft[];
  /** In the same commit. */
  readonly changes?: readonly Change[];
}

/**
 * `change` gives the new record and its events, or undefined to leave it alone. Resolves to the record
 * as it then is; undefined when there is none. Rejects as `commit` does.
 */
export async function updateRecord<K extends RecordKind>(
  store: Store,
  key: { readonly kind: K; readonly id: string },
  change: (value: Records[K]) => RecordChange<K> | undefined,
): Promise<Records[K] | undefined> {
  for (let turn = 1; ; turn += 1) {
    const stored = await store.get(key.kind, key.id);
    if (stored === undefined) return undefined;
    const next = change(stored.value);
    if (next === undefined) return stored.value;
    try {
      const put = { put: key.kind, value: next.value, rev: stored.rev } as unknown as Change;
      await store.commit({ changes: [put, ...(next.changes ?? [])], events: next.events });
      return next.value;
    } catch (error) {
      if (!(error instanceof StoreConflict) || turn === turnsMax) throw error;
    }
  }
}
