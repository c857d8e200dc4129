// Use-case: something that decisions rest on has changed (a policy, a role, an identity): every live
// session is decided again, and those that would not be opened now are cut.

import type { AuthorityContext } from '../context.ts';
import type { SessionId } from '../../core/ids.ts';
import { endSessions } from './end-session.ts';
import { decideWish } from './session-facts.ts';

export async function reviewSessions(ctx: AuthorityContext): Promise<void> {
  const lost: SessionId[] = [];
  for (const live of ctx.sessions.all()) {
    const session = await ctx.store.get('session', live.id);
    const identity = await ctx.store.get('identity', live.identity);
    const device = await ctx.store.get('device', live.device);
    const service = live.service === undefined ? undefined : await ctx.store.get('service', live.service);
    const isGone = live.service !== undefined && service === undefined;
    if (session === undefined || identity === undefined || device === undefined || isGone) {
      lost.push(live.id);
      continue;
    }
    const { user, params, sourceIp } = session.value;
    const decision = decideWish(ctx, {
      identity: identity.value,
      device: device.value,
      ...(service === undefined ? {} : { service: service.value }),
      params: user === undefined || params.kind === 'tcp' ? params : { ...params, user },
      ...(sourceIp === undefined ? {} : { sourceIp }),
    });
    if (decision.outcome === 'deny') lost.push(live.id);
  }
  await endSessions(ctx, lost, { reason: 'policy', by: { kind: 'system', id: 'authority' } });
}
