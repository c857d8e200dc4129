// Records in SQL. With log-queries.ts the one query module: nothing here is particular to SQLite.

import type { Kysely } from 'kysely';
import type { Row, RowPage } from './backend.ts';
import type { PreparedChange, PreparedPut } from './prepared-commit.ts';
import type { Condition } from './record-columns.ts';
import type { Tables } from './schema.ts';
import { StoreConflict, type RecordKind } from './store.ts';

// INVARIANT: every table of a record kind has this row type, so a query typed for one serves them all.
const tableOf = (kind: RecordKind): 'identity' => kind as 'identity';

const rowColumns = ['place', 'id', 'rev', 'value as text'] as const;

/** Applies one change, or throws StoreConflict; the caller's savepoint undoes the ones before it. */
export async function applyChange(
  db: Kysely<Tables>,
  change: PreparedChange,
  isConstraintViolation: (error: unknown) => boolean,
): Promise<void> {
  try {
    const isDone = change.op === 'put' ? await put(db, change) : await remove(db, change);
    if (isDone) return;
  } catch (error) {
    if (!isConstraintViolation(error)) throw error;
  }
  throw new StoreConflict(change.kind, change.id);
}

export async function selectRow(db: Kysely<Tables>, kind: RecordKind, id: string): Promise<Row | undefined> {
  return await db.selectFrom(tableOf(kind)).select(rowColumns).where('id', '=', id).executeTakeFirst();
}

export async function selectRows(
  db: Kysely<Tables>,
  kind: RecordKind,
  { conditions, page }: { readonly conditions: readonly Condition[]; readonly page: RowPage },
): Promise<readonly Row[]> {
  let query = db.selectFrom(tableOf(kind)).select(rowColumns).limit(page.limit);
  for (const [column, value] of conditions) query = query.where(column, '=', value);
  if (page.order === 'newest') {
    if (page.after !== undefined) query = query.where('place', '<', Number(page.after));
    return await query.orderBy('place', 'desc').execute();
  }
  if (page.after !== undefined) query = query.where('id', '>', String(page.after));
  return await query.orderBy('id').execute();
}

export async function countRows(
  db: Kysely<Tables>,
  kind: RecordKind,
  conditions: readonly Condition[],
): Promise<number> {
  let query = db.selectFrom(tableOf(kind)).select((eb) => eb.fn.countAll<number | string>().as('count'));
  for (const [column, value] of conditions) query = query.where(column, '=', value);
  return Number((await query.executeTakeFirstOrThrow()).count);
}

async function put(db: Kysely<Tables>, change: PreparedPut): Promise<boolean> {
  const { id, text: value, columns, rev } = change;
  const table = tableOf(change.kind);
  if (rev !== undefined && rev > 0) {
    const updated = await db
      .updateTable(table)
      .set({ value, rev: rev + 1, ...columns })
      .where('id', '=', id)
      .where('rev', '=', rev)
      .executeTakeFirst();
    return updated.numUpdatedRows === 1n;
  }
  const insert = db.insertInto(table).values({ id, value, rev: 1, ...columns });
  if (rev === 0) {
    await insert.execute();
    return true;
  }
  await insert
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        value,
        rev: eb(eb.ref(`${table}.rev`), '+', 1),
        ...columns,
      })),
    )
    .execute();
  return true;
}

async function remove(db: Kysely<Tables>, { kind, id, rev }: PreparedChange): Promise<boolean> {
  const table = tableOf(kind);
  if (rev === 0) return (await selectRow(db, kind, id)) === undefined;
  let query = db.deleteFrom(table).where('id', '=', id);
  if (rev !== undefined) query = query.where('rev', '=', rev);
  const { numDeletedRows } = await query.executeTakeFirst();
  // Deleting what is not there is done already, unless a revision was demanded.
  return rev === undefined || numDeletedRows === 1n;
}
