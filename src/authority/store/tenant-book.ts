// Whose the identities and devices are that are not the broker owner's, in memory: every event that is written says
// so (docs/audit.md), also where nobody asked for it.

import type { EventDraft } from '../../core/event.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { Change, Commit, Store } from './store.ts';

export class TenantBook {
  readonly #tenants = new Map<string, string>();

  static async load(store: Store): Promise<TenantBook> {
    const book = new TenantBook();
    // Without tenants all is the owner's; with them one walk, however many they are.
    if ((await store.count('tenant', {})) === 0) return book;
    for (const kind of ['identity', 'device'] as const) {
      for await (const { value } of eachRecord(store, kind)) book.#note(value);
    }
    return book;
  }

  /**
   * The commit with whose each event is; of the owner's it is not said. What it makes is noted first: its own events
   * come with it.
   */
  stamp({ changes, events }: Commit): Commit {
    for (const change of changes) this.#noteChange(change);
    return { changes, events: events.map((event) => this.#stamp(event)) };
  }

  #stamp(event: EventDraft): EventDraft {
    const { tenant = this.#found(event), ...others } = event;
    return tenant === undefined || tenant === defaultTenant ? others : { ...others, tenant };
  }

  #found({ device, identity, actor }: EventDraft): string | undefined {
    if (this.#tenants.size === 0) return undefined;
    const ids = [device, identity, actor.id];
    return ids
      .map((id) => (id === undefined ? undefined : this.#tenants.get(id)))
      .find((found) => found !== undefined);
  }

  #noteChange(change: Change): void {
    if ('put' in change && (change.put === 'identity' || change.put === 'device')) this.#note(change.value);
  }

  #note({ id, tenant }: { readonly id: string; readonly tenant: string }): void {
    if (tenant !== defaultTenant) this.#tenants.set(id, tenant);
  }
}
