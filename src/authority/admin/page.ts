// A page of a list as the api gives it, and the walk that fills one where not every record may be shown.

import type { PageQuery } from '../../api/problem.ts';
import { limits } from '../../core/limits.ts';
import type { Filters, Page, RecordKind, Records, Store } from '../store/store.ts';
import { eachRecord } from './each-record.ts';

export interface Paged<T> {
  readonly items: T[];
  readonly next?: string;
}

/** The store's page for an api query. Its cursors may name records, so only lists that show all use it. */
export function storePage({ after, limit }: PageQuery, order: Page['order'] = 'id'): Page {
  return { order, limit: limit ?? limits.apiPageDefault, ...(after === undefined ? {} : { after }) };
}

/**
 * Fills one page from a kind's records in the order of their ids, keeping those that `keep` lets through. The
 * cursor is the id of the last record shown: it tells nothing of those that were not.
 */
export async function pageOfKept<K extends RecordKind>(
  { store, kind, filter }: { readonly store: Store; readonly kind: K; readonly filter?: Filters[K] },
  { after, limit = limits.apiPageDefault }: PageQuery,
  keep: (record: Records[K]) => boolean | Promise<boolean>,
): Promise<{ readonly kept: readonly Records[K][]; readonly next?: string }> {
  const kept: Records[K][] = [];
  // One more than fits shows that there is a next page.
  const walk = {
    ...(filter === undefined ? {} : { filter }),
    afterId: after,
    firstPage: Math.min(limit + 1, limits.apiPageMax),
  };
  for await (const { value } of eachRecord(store, kind, walk)) {
    if (!(await keep(value))) continue;
    const last = kept.at(-1);
    if (kept.length === limit && last !== undefined) return { kept, next: last.id };
    kept.push(value);
  }
  return { kept };
}
