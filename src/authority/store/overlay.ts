// Records that a held cut has changed, laid over those in the backend until the reserve is replayed: a
// lock that could not be written to the database must still answer when somebody asks for locks.

import type { Backend, Row, RowPage } from './backend.ts';
import type { PreparedChange } from './prepared-commit.ts';
import { meets, type Columns, type Condition } from './record-columns.ts';
import { StoreConflict, type RecordKind } from './store.ts';

interface Held {
  /** Absent: deleted. */
  readonly row?: Row & { readonly columns: Columns };
}

export class Overlay {
  readonly #held = new Map<RecordKind, Map<string, Held>>();
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Lays the changes over, all or none. Throws StoreConflict where a revision is not as demanded. */
  async apply(changes: readonly PreparedChange[]): Promise<void> {
    const next = new Map<PreparedChange, Held>();
    for (const change of changes) {
      const earlier = [...next].findLast(([{ kind, id }]) => kind === change.kind && id === change.id);
      const current = earlier === undefined ? await this.row(change.kind, change.id) : earlier[1].row;
      if (change.rev !== undefined && change.rev !== (current?.rev ?? 0)) {
        throw new StoreConflict(change.kind, change.id);
      }
      if (change.op === 'delete') {
        next.set(change, {});
        continue;
      }
      const { id, text, columns } = change;
      const place = current?.place ?? (await this.#nextPlace(change.kind)) + next.size;
      next.set(change, { row: { id, text, columns, rev: (current?.rev ?? 0) + 1, place } });
    }
    for (const [{ kind, id }, held] of next) this.#of(kind).set(id, held);
  }

  clear(): void {
    this.#held.clear();
  }

  async row(kind: RecordKind, id: string): Promise<Row | undefined> {
    const held = this.#held.get(kind)?.get(id);
    return held === undefined ? await this.#backend.row(kind, id) : held.row;
  }

  async rows(kind: RecordKind, conditions: readonly Condition[], page: RowPage): Promise<readonly Row[]> {
    const held = this.#held.get(kind);
    if (held === undefined) return await this.#backend.rows(kind, conditions, page);
    // Every held record may push one of these off the page, so that many more are asked for.
    const below = await this.#backend.rows(kind, conditions, { ...page, limit: page.limit + held.size });
    const above = [...held.values()].flatMap(({ row }) =>
      row !== undefined && meets(row.columns, conditions) && isAfter(row, page) ? [row] : [],
    );
    return [...below.filter(({ id }) => !held.has(id)), ...above]
      .sort((a, b) => (page.order === 'newest' ? b.place - a.place : compareIds(a.id, b.id)))
      .slice(0, page.limit);
  }

  async count(kind: RecordKind, conditions: readonly Condition[]): Promise<number> {
    const held = this.#held.get(kind);
    if (held === undefined) return await this.#backend.count(kind, conditions);
    const all = await this.rows(kind, conditions, { order: 'id', limit: Number.MAX_SAFE_INTEGER / 2 });
    return all.length;
  }

  #of(kind: RecordKind): Map<string, Held> {
    const held = this.#held.get(kind) ?? new Map<string, Held>();
    this.#held.set(kind, held);
    return held;
  }

  async #nextPlace(kind: RecordKind): Promise<number> {
    const [newest] = await this.rows(kind, [], { order: 'newest', limit: 1 });
    return (newest?.place ?? 0) + 1;
  }
}

function isAfter(row: Row, { order, after }: RowPage): boolean {
  if (after === undefined) return true;
  return order === 'newest' ? row.place < Number(after) : compareIds(row.id, String(after)) > 0;
}

/** By code unit, as SQLite compares ids (ASCII). */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
