// A page of a list as the api gives it, and the walk that fills one where not every record may be shown.

import type { PageQuery } from '../../api/problem.ts';
import { limits } from '../../core/limits.ts';
import type { Page } from '../store/store.ts';

export interface Paged<T> {
  readonly items: T[];
  readonly next?: string;
}

/** The store's page for an api query. Its cursors may name records, so only lists that show all use it. */
export function storePage({ after, limit }: PageQuery, order: Page['order'] = 'id'): Page {
  return { order, limit: limit ?? limits.apiPageDefault, ...(after === undefined ? {} : { after }) };
}

/**
 * Fills one page from records in the order of their ids, keeping those that `keep` lets through. The
 * cursor is the id of the last record shown: it tells nothing of those that were not.
 */
export async function pageOfKept<T extends { readonly id: string }>(
  records: AsyncIterable<T>,
  { after, limit = limits.apiPageDefault }: PageQuery,
  keep: (record: T) => boolean | Promise<boolean>,
): Promise<{ readonly kept: readonly T[]; readonly next?: string }> {
  const kept: T[] = [];
  for await (const record of records) {
    if (after !== undefined && record.id <= after) continue;
    if (!(await keep(record))) continue;
    const last = kept.at(-1);
    // One more than fits shows that there is a next page.
    if (kept.length === limit && last !== undefined) return { kept, next: last.id };
    kept.push(record);
  }
  return { kept };
}
