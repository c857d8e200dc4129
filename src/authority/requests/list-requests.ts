// Use-case: requests that the caller may see: his own, those that wait for him, or all of them.

import type { z } from 'zod';
import type { requestQuery, RequestView } from '../../api/requests.ts';
import { endsAt, isOpen, type AccessRequest } from '../../core/request.ts';
import type { Operator } from '../admin/operator.ts';
import { pageOfKept, type Paged } from '../admin/page.ts';
import { Pauses } from '../admin/pauses.ts';
import type { AuthorityContext } from '../context.ts';
import { mayApprove, maySee, requireRequest, viewRequest } from './request-view.ts';

export async function listRequests(
  ctx: AuthorityContext,
  caller: Operator,
  query: z.output<typeof requestQuery>,
): Promise<Paged<RequestView>> {
  const { of = 'all', open } = query;
  const now = ctx.clock.now();
  const filter = {
    ...(of === 'mine' ? { identity: caller.identity.id } : {}),
    ...(of === 'waiting' || open !== undefined ? { live: of === 'waiting' || open === 'true' } : {}),
  };
  const pauses = new Pauses();
  const isWanted = async (request: AccessRequest): Promise<boolean> => {
    const isOver = isOpen(request.state) && endsAt(request) <= now;
    if ((of === 'waiting' || open === 'true') && isOver) return false;
    if (of === 'mine') return true;
    await pauses.next();
    if (of === 'all') return await maySee(ctx, caller, request);
    return request.state === 'pending' && (await mayApprove(ctx, caller, request));
  };
  const source = { store: ctx.store, kind: 'request', filter } as const;
  const { kept, next } = await pageOfKept(source, query, isWanted);
  const items: RequestView[] = [];
  for (const request of kept) items.push(await viewRequest(ctx, caller, request));
  return { items, ...(next === undefined ? {} : { next }) };
}

export async function showRequest(ctx: AuthorityContext, caller: Operator, id: string): Promise<RequestView> {
  return await viewRequest(ctx, caller, (await requireRequest(ctx, caller, id)).value);
}
