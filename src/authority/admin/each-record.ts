// Walks through all records of a kind, page by page, so that no list is held whole.

import { limits } from '../../core/limits.ts';
import type { Filters, Page, RecordKind, Records, Store, Stored } from '../store/store.ts';

export interface Walk<K extends RecordKind> {
  readonly filter?: Filters[K];
  readonly order?: Page['order'];
}

export async function* eachRecord<K extends RecordKind>(
  store: Store,
  kind: K,
  { filter = {}, order = 'id' }: Walk<K> = {},
): AsyncGenerator<Stored<Records[K]>> {
  let after: string | undefined;
  do {
    const page = { order, limit: limits.apiPageMax, ...(after === undefined ? {} : { after }) };
    const listed = await store.list(kind, filter, page);
    yield* listed.items;
    after = listed.next;
  } while (after !== undefined);
}
