// The backend on SQLite: one transaction, hence one fsync, for each batch; a savepoint for each commit in
// it. The queries are Kysely's; only the leaf insert is a prepared statement of its own.

import { backup, type DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { CompiledQuery, Kysely, type Transaction } from 'kysely';
import { limits } from '../../core/limits.ts';
import { Newest } from '../../core/newest.ts';
import type { Leaf } from '../../wire/audit-leaf.ts';
import { place, type Chance, type Line, type LogHead } from '../log/sequencer.ts';
import type { Backend, EventPage, Outcome, Row, RowPage } from './backend.ts';
import {
  insertLeafSql,
  leafRow,
  markReplayed,
  selectEvent,
  selectEvents,
  selectHead,
  selectLeaves,
  selectReplayedTo,
} from './log-queries.ts';
import { migrate } from './migrations.ts';
import type { PreparedCommit } from './prepared-commit.ts';
import type { Condition } from './record-columns.ts';
import { applyChange, countRows, selectRow, selectRows } from './record-queries.ts';
import type { Tables } from './schema.ts';
import { NodeSqliteDialect } from './sqlite-dialect.ts';
import { isConstraintViolation, storeUnavailable } from './sqlite-fault.ts';
import { StoreConflict, StoreUnavailable, type EventFilter, type RecordKind } from './store.ts';

export interface SqliteBackendOptions {
  /** Its owner from here on is the backend. */
  readonly database: DatabaseSync;
  readonly random: Chance;
  /** For words: which database it is. */
  readonly name: string;
}

/** Migrates, and finds where the log ends. */
export async function openSqliteBackend(options: SqliteBackendOptions): Promise<Backend> {
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(options.database) });
  await migrate(db, { name: options.name });
  return new SqliteBackend(db, options, await selectHead(db));
}

/** Of a snapshot: 1 MiB of pages. */
const pagesPerStep = 256;

const savepoint = CompiledQuery.raw('savepoint one');
const release = CompiledQuery.raw('release one');
const rollBackOne = CompiledQuery.raw('rollback to one');

class SqliteBackend implements Backend {
  readonly #db: Kysely<Tables>;
  readonly #options: SqliteBackendOptions;
  #head: LogHead;
  #insertLeaf: StatementSync | undefined;
  /** Rows as they are in the database, which nobody else writes to: each channel reads the same few. */
  readonly #rows = new Newest<Row>(limits.rowsKept);
  /** Writes begun. What was read before one and arrives after it may be old. */
  #writes = 0;
  #isClosed = false;

  constructor(db: Kysely<Tables>, options: SqliteBackendOptions, head: LogHead) {
    this.#db = db;
    this.#options = options;
    this.#head = head;
  }

  async write(
    batch: readonly PreparedCommit[],
    replay?: { readonly replayedTo: number },
  ): Promise<readonly Outcome[]> {
    this.#assertOpen();
    const before = this.#head;
    this.#writes += 1;
    try {
      if (replay === undefined && batch.every(({ changes }) => changes.length === 0))
        return this.#writeEvents(batch);
      return await this.#db.transaction().execute(async (transaction) => {
        const outcomes: Outcome[] = [];
        for (const commit of batch)
          outcomes.push(await this.#writeOne(transaction, commit, replay !== undefined));
        if (replay !== undefined) await markReplayed(transaction, replay.replayedTo);
        return outcomes;
      });
    } catch (error) {
      this.#head = before;
      throw storeUnavailable(error, 'written');
    } finally {
      for (const { changes } of batch)
        for (const { kind, id } of changes) this.#rows.forget(rowKey(kind, id));
    }
  }

  replayedTo(): Promise<number> {
    return this.#read((db) => selectReplayedTo(db));
  }

  async row(kind: RecordKind, id: string): Promise<Row | undefined> {
    const key = rowKey(kind, id);
    const kept = this.#rows.get(key, () => undefined);
    if (kept !== undefined && !this.#isClosed) return kept;
    const writes = this.#writes;
    const row = await this.#read((db) => selectRow(db, kind, id));
    const isKept = row !== undefined && row.text.length <= limits.rowKeptMaxLength && writes === this.#writes;
    if (isKept) this.#rows.get(key, () => row);
    return row;
  }

  rows(kind: RecordKind, conditions: readonly Condition[], page: RowPage): Promise<readonly Row[]> {
    return this.#read((db) => selectRows(db, kind, { conditions, page }));
  }

  count(kind: RecordKind, conditions: readonly Condition[]): Promise<number> {
    return this.#read((db) => countRows(db, kind, conditions));
  }

  events(filter: EventFilter, page: EventPage): Promise<readonly Leaf[]> {
    return this.#read((db) => selectEvents(db, filter, page));
  }

  event(id: string): Promise<Leaf | undefined> {
    return this.#read((db) => selectEvent(db, id));
  }

  leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]> {
    return this.#read((db) => selectLeaves(db, fromSeq, limit));
  }

  head(): LogHead {
    return this.#head;
  }

  /** In steps between which other work goes on; what is written meanwhile is in the copy too. */
  async snapshot(path: string): Promise<void> {
    this.#assertOpen();
    await backup(this.#options.database, path, { rate: pagesPerStep });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#db.destroy();
  }

  /**
   * What every channel of a session that lives comes down to. No record changes, so nothing can conflict; in one
   * turn, so that nothing else of this connection falls between begin and commit.
   */
  #writeEvents(batch: readonly PreparedCommit[]): readonly Outcome[] {
    const { database, random } = this.#options;
    database.exec('begin');
    try {
      const outcomes = batch.map((commit): Outcome => {
        const { head, lines } = place(this.#head, commit, random);
        for (const line of lines) this.#append(line);
        this.#head = head;
        return { ok: true, lines };
      });
      database.exec('commit');
      return outcomes;
    } catch (error) {
      // A full disk may have rolled back by itself.
      if (database.isTransaction) database.exec('rollback');
      throw error;
    }
  }

  async #writeOne(db: Transaction<Tables>, commit: PreparedCommit, isReplay: boolean): Promise<Outcome> {
    await db.executeQuery(savepoint);
    try {
      for (const change of commit.changes) await applyChange(db, change, isConstraintViolation);
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
      await db.executeQuery(rollBackOne);
      await db.executeQuery(release);
      return isReplay
        ? await this.#writeOne(db, { ...commit, changes: [] }, false)
        : { ok: false, conflict: error };
    }
    const { head, lines } = place(this.#head, commit, this.#options.random);
    for (const line of lines) this.#append(line);
    await db.executeQuery(release);
    this.#head = head;
    return { ok: true, lines };
  }

  #append(line: Line): void {
    const row = leafRow(line);
    this.#insertLeaf ??= this.#options.database.prepare(insertLeafSql(this.#db, row));
    this.#insertLeaf.run(...(Object.values(row) as SQLInputValue[]));
  }

  async #read<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await run(this.#db);
    } catch (error) {
      throw storeUnavailable(error, 'read');
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed');
  }
}

function rowKey(kind: RecordKind, id: string): string {
  return `${kind} ${id}`;
}
