// The store as one tenant sees it: what is another's is missing, by id, by name and in every list, so that no
// use-case has to ask. What it writes is its own; so are its names, whoever else has the same.

import { SallyportError } from '../../core/errors.ts';
import type { AuditEvent } from '../../core/event.ts';
import { defaultTenant, everyTenant, nameIn } from '../../core/tenant.ts';
import {
  StoreConflict,
  type Change,
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
} from '../store/store.ts';

/** How each kind is told apart. held: by a holder, who was found first. broker: the broker's, no tenant asks for it. */
const kinds: { readonly [K in RecordKind]: 'named' | 'owned' | 'held' | 'broker' } = {
  identity: 'named',
  device: 'named',
  window: 'named',
  enrollment: 'owned',
  policy: 'owned',
  lock: 'owned',
  service: 'owned',
  session: 'owned',
  request: 'owned',
  ticket: 'owned',
  approverset: 'owned',
  notice: 'owned',
  change: 'owned',
  delegation: 'owned',
  breakglass: 'owned',
  credential: 'held',
  passkey: 'held',
  signin: 'held',
  recovery: 'held',
  totp: 'held',
  assertion: 'broker',
  answer: 'broker',
  setting: 'broker',
  tenant: 'broker',
};

type Owned = { readonly tenant: string };

export class TenantStore implements Store {
  readonly #inner: Store;
  readonly #tenant: string;

  constructor(inner: Store, tenant: string) {
    this.#inner = inner;
    this.#tenant = tenant;
  }

  async commit(commit: Commit): Promise<readonly AuditEvent[]> {
    return await this.#inner.commit(this.#own(commit));
  }

  async commitCut(commit: Commit): Promise<void> {
    await this.#inner.commitCut(this.#own(commit));
  }

  async get<K extends RecordKind>(kind: K, id: string): Promise<Stored<Records[K]> | undefined> {
    const stored = await this.#inner.get(kind, id);
    return stored === undefined || this.#isForeign(kind, stored.value) ? undefined : stored;
  }

  async find<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<Stored<Records[K]> | undefined> {
    return await this.#inner.find(kind, this.#narrowed(kind, filter));
  }

  async list<K extends RecordKind>(kind: K, filter: Filters[K], page?: Page): Promise<Listed<Records[K]>> {
    return await this.#inner.list(kind, this.#narrowed(kind, filter), page);
  }

  async count<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<number> {
    return await this.#inner.count(kind, this.#narrowed(kind, filter));
  }

  async events(filter: EventFilter, page: Parameters<Store['events']>[1]): Promise<readonly AuditEvent[]> {
    const { tenant, ...others } = filter;
    if (tenant !== everyTenant) return await this.#inner.events({ ...others, tenant: this.#tenant }, page);
    this.#requireOwner();
    return await this.#inner.events(others, page);
  }

  async event(id: string): Promise<AuditEvent | undefined> {
    const event = await this.#inner.event(id);
    return (event?.tenant ?? defaultTenant) === this.#tenant ? event : undefined;
  }

  /** One chain holds everybody's events: who owns the broker exports it. */
  async leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]> {
    this.#requireOwner();
    return await this.#inner.leaves(fromSeq, limit);
  }

  async head(): Promise<{ readonly size: number; readonly chainHash: string }> {
    this.#requireOwner();
    return await this.#inner.head();
  }

  onEvents(listener: (events: readonly AuditEvent[]) => void): () => void {
    return this.#inner.onEvents((events) =>
      listener(events.filter(({ tenant = defaultTenant }) => tenant === this.#tenant)),
    );
  }

  async snapshot(path: string): Promise<{ readonly size: number; readonly chainHash: string }> {
    this.#requireOwner();
    return await this.#inner.snapshot(path);
  }

  /** The store is everybody's. */
  async close(): Promise<void> {}

  #requireOwner(): void {
    if (this.#tenant !== defaultTenant) throw ownersOnly();
  }

  #isForeign(kind: RecordKind, value: object): boolean {
    const how = kinds[kind];
    return (how === 'named' || how === 'owned') && (value as Owned).tenant !== this.#tenant;
  }

  #narrowed<K extends RecordKind>(kind: K, filter: Filters[K]): Filters[K] {
    const how = kinds[kind];
    if (how !== 'named' && how !== 'owned') return filter;
    const { name } = filter as { readonly name?: string };
    const named = how === 'named' && name !== undefined ? { name: nameIn(this.#tenant, name) } : {};
    return { ...filter, ...named, tenant: this.#tenant };
  }

  #own({ changes, events }: Commit): Commit {
    for (const change of changes) this.#requireOwn(change);
    return { changes, events: events.map((event) => ({ ...event, tenant: this.#tenant })) };
  }

  /** A use-case that got hold of somebody else's record is a fault of ours: it changes nothing. */
  #requireOwn(change: Change): void {
    if ('put' in change && this.#isForeign(change.put, change.value))
      throw new StoreConflict(change.put, change.value.id);
  }
}

export function ownersOnly(): SallyportError {
  return new SallyportError('forbidden', 'this is for whoever owns the broker', {
    next: 'ask an administrator of the broker itself',
  });
}
