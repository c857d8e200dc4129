// A session as the api shows it.

import type { SessionView } from '../../api/sessions.ts';
import { isLive } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import { identityName } from '../admin/names.ts';
import type { AuthorityContext } from '../context.ts';

export async function viewSession(ctx: AuthorityContext, session: Session): Promise<SessionView> {
  const identity = await ctx.store.get('identity', session.identity);
  const device = await ctx.store.get('device', session.device);
  const behalf = [];
  for (const id of session.behalf?.chain ?? []) behalf.push({ id, name: await identityName(ctx, id) });
  return {
    id: session.id,
    identity: { id: session.identity, name: identity?.value.name ?? 'removed' },
    device: { id: session.device, name: device?.value.name ?? session.target },
    target: session.target,
    kind: session.kind,
    state: session.state,
    live: isLive(session.state),
    policy: session.policy,
    policies: [...session.policies],
    ...(session.user === undefined ? {} : { user: session.user }),
    ...(session.ticket === undefined ? {} : { ticket: session.ticket }),
    ...(behalf.length === 0 ? {} : { behalf }),
    createdAt: iso(session.createdAt),
    ...(session.activeAt === undefined ? {} : { activeAt: iso(session.activeAt) }),
    mustEndAt: iso(session.mustEndAt),
    idleMs: session.idleMs,
    ...(session.endedAt === undefined ? {} : { endedAt: iso(session.endedAt) }),
    ...(session.endReason === undefined ? {} : { endReason: session.endReason }),
    ...(session.endDetail === undefined ? {} : { endDetail: session.endDetail }),
    ...(session.teardown === undefined ? {} : { teardown: session.teardown }),
    channels: session.channels,
    bytesUp: session.bytesUp,
    bytesDown: session.bytesDown,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
