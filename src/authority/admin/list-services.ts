// Use-case: the services that the caller may know of: all for who sees all, for others those that policy
// lets them discover.

import type { z } from 'zod';
import type { serviceQuery, ServiceView } from '../../api/services.ts';
import type { AuthorityContext } from '../context.ts';
import { canDiscover } from '../sessions/session-facts.ts';
import { findDevice } from './find.ts';
import { seesAll, type Operator } from './operator.ts';
import { pageOfKept, type Paged } from './page.ts';
import { Pauses } from './pauses.ts';
import { viewService } from './service-view.ts';

export async function listServices(
  ctx: AuthorityContext,
  caller: Operator,
  query: z.output<typeof serviceQuery>,
): Promise<Paged<ServiceView>> {
  const only = query.device === undefined ? undefined : ((await findDevice(ctx, query.device))?.id ?? 'none');
  const isAllSeen = seesAll(ctx, caller);
  const pauses = new Pauses();
  const { kept, next } = await pageOfKept({ store: ctx.store, kind: 'service' }, query, async (service) => {
    if (only !== undefined && service.device !== only) return false;
    if (isAllSeen) return true;
    await pauses.next();
    const device = await ctx.store.get('device', service.device);
    return device !== undefined && canDiscover(ctx, caller.identity, { device: device.value, service });
  });
  const items: ServiceView[] = [];
  for (const service of kept) items.push(await viewService(ctx, service));
  return { items, ...(next === undefined ? {} : { next }) };
}
