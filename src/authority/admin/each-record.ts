// Walks through all records of a kind, page by page, so that no list is held whole.

import { limits } from '../../core/limits.ts';
import { cursorAfter } from '../store/list-page.ts';
import type { Filters, Page, RecordKind, Records, Store, Stored } from '../store/store.ts';

export interface Walk<K extends RecordKind> {
  readonly filter?: Filters[K];
  readonly order?: Page['order'];
  /** Begins after this id; in the order of ids only. */
  readonly afterId?: string | undefined;
  /** How many the first page has: whoever wants few reads no thousand. */
  readonly firstPage?: number;
}

export async function* eachRecord<K extends RecordKind>(
  store: Store,
  kind: K,
  { filter = {}, order = 'id', afterId, firstPage = limits.apiPageMax }: Walk<K> = {},
): AsyncGenerator<Stored<Records[K]>> {
  let after = afterId === undefined ? undefined : cursorAfter(afterId);
  let limit = firstPage;
  do {
    const page = { order, limit, ...(after === undefined ? {} : { after }) };
    limit = limits.apiPageMax;
    const listed = await store.list(kind, filter, page);
    yield* listed.items;
    after = listed.next;
  } while (after !== undefined);
}
