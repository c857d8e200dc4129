// Use-cases: read the audit log, as events for people.

import type { z } from 'zod';
import type { eventPage, EventQuery, EventView } from '../../api/audit.ts';
import { SallyportError } from '../../core/errors.ts';
import type { AuditEvent } from '../../core/event.ts';
import { everyTenant } from '../../core/tenant.ts';
import { parseId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import type { EventFilter } from '../store/store.ts';
import { findDevice, findIdentity } from './find.ts';
import { requireLogTime } from './time-text.ts';

export async function listEvents(
  ctx: AuthorityContext,
  query: EventQuery,
): Promise<z.input<typeof eventPage>> {
  const filter = await readFilter(ctx, query);
  if (query.last !== undefined) {
    const newest = await ctx.store.events(filter, { limit: query.last, newest: true });
    return { items: newest.toReversed().map(viewEvent) };
  }
  const limit = query.limit ?? limits.apiPageDefault;
  const events = await ctx.store.events(filter, { afterSeq: query.afterSeq ?? 0, limit });
  const last = events.length === limit ? events.at(-1) : undefined;
  return { items: events.map(viewEvent), ...(last === undefined ? {} : { nextSeq: last.seq }) };
}

export async function showEvent(ctx: AuthorityContext, text: string): Promise<EventView> {
  const id = parseId('evt', text);
  const event = id === undefined ? undefined : await ctx.store.event(id);
  if (event !== undefined) return viewEvent(event);
  throw new SallyportError('not_found', `there is no audit event "${printable(text, 80)}"`);
}

/** Names become ids where they still belong to somebody; ids are taken as they are: the log outlives them. */
async function readFilter(ctx: AuthorityContext, query: EventQuery): Promise<EventFilter> {
  const { type, identity, device, session, from, until, allTenants } = query;
  return {
    ...(type === undefined ? {} : { types: typeof type === 'string' ? [type] : type }),
    ...(identity === undefined ? {} : { identity: (await findIdentity(ctx, identity))?.id ?? identity }),
    ...(device === undefined ? {} : { device: (await findDevice(ctx, device))?.id ?? device }),
    ...(session === undefined ? {} : { session }),
    ...(allTenants === 'true' ? { tenant: everyTenant } : {}),
    ...(from === undefined ? {} : { from: requireLogTime(from) }),
    ...(until === undefined ? {} : { until: requireLogTime(until) }),
  };
}

function viewEvent(event: AuditEvent): EventView {
  return { ...event, actor: { ...event.actor } };
}
