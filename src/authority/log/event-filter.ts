// Narrowing the log, for bodies of the store that hold it in memory; the query module says the same in SQL.

import type { AuditEvent } from '../../core/event.ts';
import { defaultTenant } from '../../core/tenant.ts';
import type { EventFilter } from '../store/store.ts';
import { timeBound } from './log-time.ts';

/** The filter with its times in the log's own form. Throws SallyportError `invalid` on a bad time. */
export function normalFilter(filter: EventFilter): EventFilter {
  return {
    ...filter,
    ...(filter.from === undefined ? {} : { from: timeBound(filter.from) }),
    ...(filter.until === undefined ? {} : { until: timeBound(filter.until) }),
  };
}

/** Whether a normal filter lets the event through. Whoever acted counts as concerned. */
export function matchesEvent(event: AuditEvent, filter: EventFilter): boolean {
  const { types, identity, device, session, tenant, from, until } = filter;
  if (types !== undefined && !types.includes(event.type)) return false;
  if (identity !== undefined && event.identity !== identity && event.actor.id !== identity) return false;
  if (device !== undefined && event.device !== device && event.actor.id !== device) return false;
  if (session !== undefined && event.session !== session) return false;
  if (tenant !== undefined && (event.tenant ?? defaultTenant) !== tenant) return false;
  if (from !== undefined && event.time < from) return false;
  return until === undefined || event.time < until;
}
