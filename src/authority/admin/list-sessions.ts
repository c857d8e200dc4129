// Use-case: sessions, newest first: all of them for who sees all, the own ones for everybody else.

import type { z } from 'zod';
import type { sessionQuery, SessionView } from '../../api/sessions.ts';
import type { AuthorityContext } from '../context.ts';
import { viewSession } from '../sessions/session-view.ts';
import { findDevice, findIdentity } from './find.ts';
import { seesAll, type Operator } from './operator.ts';
import { storePage, type Paged } from './page.ts';

export async function listSessions(
  ctx: AuthorityContext,
  caller: Operator,
  query: z.output<typeof sessionQuery>,
): Promise<Paged<SessionView>> {
  const asked = query.identity === undefined ? undefined : await findIdentity(ctx, query.identity);
  const device = query.device === undefined ? undefined : await findDevice(ctx, query.device);
  const identity = seesAll(ctx, caller) ? asked : caller.identity;
  // A name that nobody has, and somebody else's sessions: the same empty list.
  const isNobody = query.identity !== undefined && asked?.id !== identity?.id;
  if (isNobody || (query.identity !== undefined && asked === undefined)) return { items: [] };
  if (query.device !== undefined && device === undefined) return { items: [] };
  const listed = await ctx.store.list(
    'session',
    {
      ...(identity === undefined ? {} : { identity: identity.id }),
      ...(device === undefined ? {} : { device: device.id }),
      ...(query.vendor === undefined ? {} : { vendor: query.vendor }),
      ...(query.live === undefined ? {} : { live: query.live === 'true' }),
    },
    storePage(query, 'newest'),
  );
  const items: SessionView[] = [];
  for (const { value } of listed.items) items.push(await viewSession(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}
