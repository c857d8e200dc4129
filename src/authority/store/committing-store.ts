// The Store over a backend and a reserve: queue, group commit, and what happens when the backend cannot be
// written: commits are refused, cuts are held and seen all the same, and nothing opens until they are on
// the log. Both bodies are this class over their own parts (sqlite-store.ts, memory-store.ts).

import { limits } from '../../core/limits.ts';
import type { AuditEvent } from '../../core/event.ts';
import { normalFilter } from '../log/event-filter.ts';
import { eventOf } from '../log/event-text.ts';
import type { Backend, Outcome, Row } from './backend.ts';
import { CommitQueue } from './commit-queue.ts';
import { HeldCuts, messageOf, type HeldCutsParts } from './held-cuts.ts';
import { nextCursor, readPage } from './list-page.ts';
import { prepareCommit, type PreparedCommit } from './prepared-commit.ts';
import { conditionsOf } from './record-columns.ts';
import { TenantBook } from './tenant-book.ts';
import {
  StoreUnavailable,
  type Commit,
  type EventFilter,
  type Filters,
  type Leaf,
  type Listed,
  type Page,
  type RecordKind,
  type Records,
  type Store,
  type Stored,
} from './store.ts';

export interface CommittingStoreParts extends HeldCutsParts {
  readonly clock: { now(): number };
}

/** Takes up what the reserve holds, replays it if it can, and is ready. */
export async function openCommittingStore(parts: CommittingStoreParts): Promise<Store> {
  const held = new HeldCuts(parts);
  await held.restore();
  const store = new CommittingStore(parts, held);
  await store.loadTenants();
  await store.tryReplay();
  return store;
}

interface Waiting {
  readonly prepared: PreparedCommit;
  readonly isCut: boolean;
  readonly resolve: (events: readonly AuditEvent[]) => void;
  readonly reject: (error: Error) => void;
}

type Listener = (events: readonly AuditEvent[]) => void;

class CommittingStore implements Store {
  readonly #parts: CommittingStoreParts;
  readonly #backend: Backend;
  readonly #held: HeldCuts;
  readonly #queue = new CommitQueue<Waiting>((batch) => this.#write(batch));
  readonly #listeners = new Set<Listener>();
  #tenants = new TenantBook();
  #closing: Promise<void> | undefined;

  constructor(parts: CommittingStoreParts, held: HeldCuts) {
    this.#parts = parts;
    this.#backend = parts.backend;
    this.#held = held;
  }

  async commit(commit: Commit): Promise<readonly AuditEvent[]> {
    // Cuts do not count against this: they are as many as live things, and refusing one would keep it live.
    if (this.#queue.length >= limits.commitQueueMax) {
      throw new StoreUnavailable(`more than ${limits.commitQueueMax} commits wait for the disk`);
    }
    return await this.#enqueue(commit, false);
  }

  async commitCut(commit: Commit): Promise<void> {
    await this.#enqueue(commit, true);
  }

  async get<K extends RecordKind>(kind: K, id: string): Promise<Stored<Records[K]> | undefined> {
    const row = await this.#held.overlay.row(kind, id);
    return row === undefined ? undefined : storedOf<K>(row);
  }

  async find<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<Stored<Records[K]> | undefined> {
    return (await this.list(kind, filter, { limit: 1, order: 'newest' })).items[0];
  }

  async list<K extends RecordKind>(
    kind: K,
    filter: Filters[K],
    page: Page = {},
  ): Promise<Listed<Records[K]>> {
    const { limit, ...place } = readPage(page);
    // One more than asked for tells whether there is a next page.
    const rows = await this.#held.overlay.rows(kind, conditionsOf(filter), { ...place, limit: limit + 1 });
    const items = rows.slice(0, limit).map(storedOf<K>);
    const last = rows[limit - 1];
    return rows.length > limit && last !== undefined
      ? { items, next: nextCursor(place.order, last) }
      : { items };
  }

  async count<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<number> {
    return await this.#held.overlay.count(kind, conditionsOf(filter));
  }

  async events(
    filter: EventFilter,
    page: { readonly afterSeq?: number; readonly limit: number; readonly newest?: boolean },
  ): Promise<readonly AuditEvent[]> {
    const bounded = { ...page, limit: logLimit(page.limit) };
    const leaves = await this.#backend.events(normalFilter(filter), bounded);
    return leaves.map(eventOf);
  }

  async event(id: string): Promise<AuditEvent | undefined> {
    const leaf = await this.#backend.event(id);
    return leaf === undefined ? undefined : eventOf(leaf);
  }

  async leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]> {
    return await this.#backend.leaves(fromSeq, logLimit(limit));
  }

  head(): Promise<{ readonly size: number; readonly chainHash: string }> {
    const { size, chainHash } = this.#backend.head();
    return Promise.resolve({ size, chainHash });
  }

  async snapshot(path: string): Promise<{ readonly size: number; readonly chainHash: string }> {
    if (!this.#held.isEmpty) throw new StoreUnavailable('cuts are held that the log does not have yet');
    const head = await this.head();
    try {
      await this.#backend.snapshot(path);
    } catch (error) {
      throw unavailable(error);
    }
    return head;
  }

  onEvents(listener: Listener): () => void {
    // Wrapped, so that the same function may listen twice.
    const own: Listener = (events) => listener(events);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async loadTenants(): Promise<void> {
    this.#tenants = await TenantBook.load(this);
  }

  /** Writes held cuts to the log; leaves them held where that fails. */
  async tryReplay(): Promise<void> {
    try {
      await this.#replay();
    } catch (error) {
      this.#parts.log.error({ reason: messageOf(error) }, 'the reserve cannot be replayed; nothing opens');
    }
  }

  async #close(): Promise<void> {
    await this.#queue.drained();
    await this.#parts.reserve.close();
    await this.#backend.close();
  }

  async #enqueue(commit: Commit, isCut: boolean): Promise<readonly AuditEvent[]> {
    if (this.#closing !== undefined) throw new StoreUnavailable('the store is closed');
    const prepared = prepareCommit(this.#tenants.stamp(commit), this.#parts.clock.now());
    return await new Promise((resolve, reject) => this.#queue.push({ prepared, isCut, resolve, reject }));
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      await this.#replay();
      outcomes = await this.#backend.write(batch.map(({ prepared }) => prepared));
    } catch (error) {
      await this.#refuse(batch, unavailable(error));
      return;
    }
    for (const [index, waiting] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome?.ok === true) waiting.resolve(this.#publish(outcome));
      else waiting.reject(outcome?.conflict ?? new StoreUnavailable('the store did not answer'));
    }
  }

  async #replay(): Promise<void> {
    if (this.#held.isEmpty) return;
    const { batch, replayedTo } = this.#held.replay(this.#parts.clock.now());
    const outcomes = await this.#backend.write(batch, { replayedTo });
    await this.#held.release();
    for (const outcome of outcomes) if (outcome.ok) this.#publish(outcome);
  }

  /** Nothing of the batch was written: commits hear so, cuts are held. Must not reject. */
  async #refuse(batch: readonly Waiting[], error: StoreUnavailable): Promise<void> {
    const cuts = batch.filter(({ isCut }) => isCut);
    for (const { isCut, reject } of batch) if (!isCut) reject(error);
    try {
      const refusals = await this.#held.hold(cuts.map(({ prepared }) => prepared));
      for (const [index, { resolve, reject }] of cuts.entries()) {
        const refusal = refusals[index];
        if (refusal === undefined) resolve([]);
        else reject(refusal);
      }
    } catch (fault) {
      for (const { reject } of cuts) reject(unavailable(fault));
    }
  }

  #publish({ lines }: Outcome & { readonly ok: true }): readonly AuditEvent[] {
    const events = lines.map(({ event }) => event);
    if (events.length > 0) for (const listener of this.#listeners) this.#tell(listener, events);
    return events;
  }

  #tell(listener: Listener, events: readonly AuditEvent[]): void {
    try {
      listener(events);
    } catch (error) {
      // One listener's fault must neither undo a durable commit nor silence the others.
      this.#parts.log.error({ reason: messageOf(error) }, 'a listener of the audit log failed');
    }
  }
}

function storedOf<K extends RecordKind>(row: Row): Stored<Records[K]> {
  return { value: JSON.parse(row.text) as Records[K], rev: row.rev };
}

/** A limit below 1 would mean no limit to SQLite. */
function logLimit(limit: number): number {
  return Math.max(1, Math.min(Math.floor(limit), limits.auditPageMax));
}

function unavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(`the store cannot be written: ${messageOf(error)}`, { cause: error });
}
