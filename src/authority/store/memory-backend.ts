// The backend in memory, for tests: the rules of the sqlite body without a disk. Owns its maps; a batch is
// applied in one go, so nobody sees half of it.

import type { Leaf } from '../../wire/audit-leaf.ts';
import { matchesEvent } from '../log/event-filter.ts';
import { emptyLog, place, type Chance, type Line, type LogHead } from '../log/sequencer.ts';
import type { Backend, EventPage, Outcome, Row, RowPage } from './backend.ts';
import { compareIds } from './overlay.ts';
import type { PreparedChange, PreparedCommit } from './prepared-commit.ts';
import { meets, recordKinds, uniqueColumns, type Columns, type Condition } from './record-columns.ts';
import { StoreConflict, StoreUnavailable, type EventFilter, type RecordKind } from './store.ts';

type Kept = Row & { readonly columns: Columns };
type Undo = () => void;

export class MemoryBackend implements Backend {
  readonly #tables = new Map<RecordKind, Map<string, Kept>>(recordKinds.map((kind) => [kind, new Map()]));
  readonly #lines: Line[] = [];
  readonly #random: Chance;
  #head: LogHead = emptyLog;
  #places = 0;
  #replayedTo = 0;
  #isClosed = false;
  #isFull = false;
  #nextFailure: Error | undefined;

  constructor(random: Chance) {
    this.#random = random;
  }

  /** While full, nothing is written. */
  setFull(isFull: boolean): void {
    this.#isFull = isFull;
  }

  /** The next batch fails with this error and nothing of it is written. */
  failNext(error: Error): void {
    this.#nextFailure = error;
  }

  write(
    batch: readonly PreparedCommit[],
    replay?: { readonly replayedTo: number },
  ): Promise<readonly Outcome[]> {
    return this.#guarded(() => {
      const failure = this.#isFull ? new Error('no space left') : this.#nextFailure;
      this.#nextFailure = undefined;
      if (failure !== undefined) {
        throw new StoreUnavailable(`the store cannot be written: ${failure.message}`, { cause: failure });
      }
      const outcomes = batch.map((commit) => this.#writeOne(commit, replay !== undefined));
      this.#replayedTo = replay?.replayedTo ?? this.#replayedTo;
      return outcomes;
    });
  }

  replayedTo(): Promise<number> {
    return this.#guarded(() => this.#replayedTo);
  }

  row(kind: RecordKind, id: string): Promise<Row | undefined> {
    return this.#guarded(() => this.#table(kind).get(id));
  }

  rows(kind: RecordKind, conditions: readonly Condition[], page: RowPage): Promise<readonly Row[]> {
    return this.#guarded(() => {
      const { order, after, limit } = page;
      const rows = [...this.#table(kind).values()].filter(({ columns }) => meets(columns, conditions));
      if (order === 'newest') {
        const older = rows.filter((row) => after === undefined || row.place < Number(after));
        return older.sort((a, b) => b.place - a.place).slice(0, limit);
      }
      const later = rows.filter((row) => after === undefined || compareIds(row.id, String(after)) > 0);
      return later.sort((a, b) => compareIds(a.id, b.id)).slice(0, limit);
    });
  }

  count(kind: RecordKind, conditions: readonly Condition[]): Promise<number> {
    return this.#guarded(() => {
      return [...this.#table(kind).values()].filter(({ columns }) => meets(columns, conditions)).length;
    });
  }

  events(filter: EventFilter, { afterSeq = 0, limit, newest = false }: EventPage): Promise<readonly Leaf[]> {
    return this.#guarded(() => {
      const found = this.#lines.filter(({ event }) => event.seq > afterSeq && matchesEvent(event, filter));
      if (newest) found.reverse();
      return found.slice(0, limit).map(({ leaf }) => leaf);
    });
  }

  event(id: string): Promise<Leaf | undefined> {
    return this.#guarded(() => this.#lines.find(({ event }) => event.id === id)?.leaf);
  }

  leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]> {
    return this.#guarded(() => {
      const from = Math.max(fromSeq, 1) - 1;
      return this.#lines.slice(from, from + limit).map(({ leaf }) => leaf);
    });
  }

  head(): LogHead {
    return this.#head;
  }

  snapshot(): Promise<void> {
    return Promise.reject(new StoreUnavailable('a store in memory has nothing to copy'));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  async #guarded<T>(run: () => T): Promise<T> {
    if (this.#isClosed) throw new StoreUnavailable('the store is closed');
    return await Promise.resolve(run());
  }

  #table(kind: RecordKind): Map<string, Kept> {
    const table = this.#tables.get(kind);
    if (table === undefined) throw new TypeError(`there are no records of the kind "${kind}"`);
    return table;
  }

  #writeOne(commit: PreparedCommit, isReplay: boolean): Outcome {
    const undos: Undo[] = [];
    try {
      for (const change of commit.changes) undos.push(this.#change(change));
    } catch (error) {
      for (const undo of undos.toReversed()) undo();
      if (!(error instanceof StoreConflict)) throw error;
      return isReplay ? this.#writeOne({ ...commit, changes: [] }, false) : { ok: false, conflict: error };
    }
    const { head, lines } = place(this.#head, commit, this.#random);
    this.#head = head;
    this.#lines.push(...lines);
    return { ok: true, lines };
  }

  #change(change: PreparedChange): Undo {
    const { kind, id, rev } = change;
    const table = this.#table(kind);
    const current = table.get(id);
    if (rev !== undefined && rev !== (current?.rev ?? 0)) throw new StoreConflict(kind, id);
    if (change.op === 'delete') {
      table.delete(id);
    } else {
      const { text, columns } = change;
      if (this.#isTaken(kind, id, columns)) throw new StoreConflict(kind, id);
      this.#places += 1;
      table.set(id, {
        id,
        text,
        columns,
        rev: (current?.rev ?? 0) + 1,
        place: current?.place ?? this.#places,
      });
    }
    return () => (current === undefined ? table.delete(id) : table.set(id, current));
  }

  #isTaken(kind: RecordKind, id: string, columns: Columns): boolean {
    return uniqueColumns(kind).some((column) =>
      [...this.#table(kind).values()].some(
        (kept) => kept.id !== id && kept.columns[column] === columns[column],
      ),
    );
  }
}
