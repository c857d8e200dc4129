// Follows the audit log and tells people of what waits for them or became of what they asked for. From each event to
// the notices in the store is one commit that moves the cursor too, so that a crash forgets nobody; who was told just
// before one may be told again, under the same id. Delivery is tried again, at growing distances, for a day; nothing waits for it.

import { defaultTenant, nameIn, tenantOfName } from '../../core/tenant.ts';
import type { AuditEvent } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import type { Notice, NoticeAddress } from '../../core/notice.ts';
import { printable } from '../../core/printable.ts';
import type { Timer } from '../../platform/clock.ts';
import { sha256 } from '../../wire/signed.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import { settingIds } from '../settings.ts';
import type { Change } from '../store/store.ts';
import { inTenant } from '../tenants/in-tenant.ts';
import { compose, toldTypes, type Told } from './compose.ts';
import type { NoticeConfig } from './config.ts';
import { deliver } from './deliver.ts';

const eventsAtOnce = 100;

export class Notifier {
  readonly #ctx: AuthorityContext;
  readonly #config: NoticeConfig;
  /** What is in the store, by id. */
  readonly #waiting = new Map<string, Notice>();
  #timer: Timer | undefined;
  #isStopped = false;
  #round: Promise<void> = Promise.resolve();
  #stopListening: () => void = () => undefined;
  #isPoked = false;

  private constructor(ctx: AuthorityContext, config: NoticeConfig) {
    this.#ctx = ctx;
    this.#config = config;
  }

  static async start(ctx: AuthorityContext, config: NoticeConfig): Promise<Notifier> {
    const notifier = new Notifier(ctx, config);
    for await (const { value } of eachRecord(ctx.store, 'notice')) notifier.#waiting.set(value.id, value);
    const told: ReadonlySet<string> = new Set(toldTypes);
    notifier.#stopListening = ctx.store.onEvents((events) => {
      if (events.some(({ type }) => told.has(type))) notifier.#poke();
    });
    // Who never told anybody begins now: nobody wants the news of last year.
    if ((await ctx.store.get('setting', settingIds.noticeCursor)) === undefined) {
      const { size } = await ctx.store.head();
      await ctx.store.commit({ changes: [cursorAt(size)], events: [] });
    }
    notifier.#poke();
    return notifier;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopListening();
    this.#timer?.cancel();
    await this.#round;
  }

  #poke(): void {
    if (this.#isPoked || this.#isStopped) return;
    this.#isPoked = true;
    this.#timer?.cancel();
    this.#round = this.#round.then(async () => {
      this.#isPoked = false;
      await this.#once();
      if (this.#isStopped) return;
      this.#timer?.cancel();
      this.#timer = this.#ctx.clock.setTimer(limits.noticeRoundMs, () => this.#poke(), { ref: false });
    });
  }

  async #once(): Promise<void> {
    try {
      await this.#follow();
      await this.#deliverDue();
    } catch (error) {
      this.#ctx.log.error({ err: error }, 'people could not be told; it is tried again');
    }
  }

  async #follow(): Promise<void> {
    const { store } = this.#ctx;
    for (;;) {
      const cursor = Number((await store.get('setting', settingIds.noticeCursor))?.value.value ?? 0);
      const events = await store.events({ types: toldTypes }, { afterSeq: cursor, limit: eventsAtOnce });
      const last = events.at(-1);
      if (last === undefined) return;
      const notices: Notice[] = [];
      for (const event of events) notices.push(...(await this.#noticesOf(event)));
      const fresh = notices.filter(({ id }) => !this.#waiting.has(id)).slice(0, this.#room(notices.length));
      await store.commit({
        changes: [...fresh.map((value): Change => ({ put: 'notice', value })), cursorAt(last.seq)],
        events: [],
      });
      for (const notice of fresh) this.#waiting.set(notice.id, notice);
    }
  }

  #room(wanted: number): number {
    const room = Math.max(0, limits.noticesMax - this.#waiting.size);
    if (wanted > room)
      this.#ctx.log.error({ dropped: wanted - room }, 'too many notices wait: some are dropped');
    return room;
  }

  async #noticesOf(event: AuditEvent): Promise<readonly Notice[]> {
    const tenant = event.tenant ?? defaultTenant;
    const told = await compose(inTenant(this.#ctx, tenant), event);
    if (told === undefined) return [];
    const { subject, text, link } = told;
    const now = this.#ctx.clock.now();
    return this.#addressesOf(told, tenant).map((to) => ({
      id: sha256(`${event.id} ${to.kind === 'mail' ? to.address : to.name} ${to.kind}`),
      tenant,
      type: event.type,
      to,
      subject: printable(subject, 200),
      text,
      ...(link === undefined ? {} : { link }),
      createdAt: now,
      attempts: 0,
      nextAt: now,
    }));
  }

  /** Webhooks are of whoever owns the broker; somebody of another tenant has his mail under "tenant/name". */
  #addressesOf({ people }: Told, tenant: string): readonly NoticeAddress[] {
    const { addresses } = this.#config;
    const webhooks = tenant === defaultTenant ? this.#config.webhooks : new Map<string, unknown>();
    const mails =
      people === 'everybody'
        ? [...addresses].filter(([name]) => tenantOfName(name) === tenant).map(([, address]) => address)
        : people
            .map(({ name }) => addresses.get(nameIn(tenant, name)))
            .filter((address) => address !== undefined);
    return [
      ...[...webhooks.keys()].map((name) => ({ kind: 'webhook', name }) as const),
      ...[...new Set(mails)].map((address) => ({ kind: 'mail', address }) as const),
    ];
  }

  async #deliverDue(): Promise<void> {
    const now = this.#ctx.clock.now();
    const due = [...this.#waiting.values()]
      .filter(({ nextAt }) => nextAt <= now)
      .slice(0, limits.noticesAtOnce);
    await Promise.all(due.map(async (notice) => await this.#try(notice)));
    if (due.length === limits.noticesAtOnce) this.#poke();
  }

  async #try(notice: Notice): Promise<void> {
    const { store, clock, log } = this.#ctx;
    try {
      await deliver(notice, this.#config, clock.now());
    } catch (error) {
      return await this.#failed(
        notice,
        printable(error instanceof Error ? error.message : String(error), 300),
      );
    }
    log.debug({ notice: notice.id, type: notice.type }, 'somebody was told');
    await store.commit({ changes: [{ delete: 'notice', id: notice.id }], events: [] });
    this.#waiting.delete(notice.id);
  }

  async #failed(notice: Notice, lastError: string): Promise<void> {
    const { store, clock, log } = this.#ctx;
    const now = clock.now();
    if (now - notice.createdAt >= limits.noticeLifeMs) {
      this.#waiting.delete(notice.id);
      await store.commit({
        changes: [{ delete: 'notice', id: notice.id }],
        events: [
          {
            type: 'notice.failed',
            actor: { kind: 'system', id: 'authority' },
            outcome: 'failure',
            tenant: notice.tenant,
            body: { type: notice.type, to: addressText(notice.to), subject: notice.subject, why: lastError },
          },
        ],
      });
      return;
    }
    const waitMs = Math.min(limits.noticeRetryMaxMs, limits.noticeRetryMs * 2 ** notice.attempts);
    const next = { ...notice, attempts: notice.attempts + 1, nextAt: now + waitMs, lastError };
    log.warn(
      { to: addressText(notice.to), attempts: next.attempts, error: lastError },
      'a notice was not taken',
    );
    await store.commit({ changes: [{ put: 'notice', value: next }], events: [] });
    this.#waiting.set(notice.id, next);
  }
}

export function addressText(to: NoticeAddress): string {
  return to.kind === 'mail' ? to.address : `webhook ${to.name}`;
}

function cursorAt(seq: number): Change {
  return { put: 'setting', value: { id: settingIds.noticeCursor, value: String(seq) } };
}
