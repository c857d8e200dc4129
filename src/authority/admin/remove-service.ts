// Use-case: remove a service. Its sessions end.

import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import { sessionsOn } from './add-service.ts';
import { actor, type Operator } from './operator.ts';
import { requireService } from './service-view.ts';

export async function removeService(
  ctx: AuthorityContext,
  caller: Operator,
  targetOrId: string,
): Promise<{ readonly done: true }> {
  const { value: service, rev } = await requireService(ctx, targetOrId);
  await ctx.store.commit({
    changes: [{ delete: 'service', id: service.id, rev }],
    events: [
      {
        type: 'service.removed',
        actor: actor(caller),
        outcome: 'success',
        device: service.device,
        service: service.id,
        body: { name: service.name, host: service.host, port: service.port, by: caller.identity.name },
      },
    ],
  });
  await endSessions(ctx, sessionsOn(ctx, service.id), {
    reason: 'policy',
    by: actor(caller),
    detail: `the service "${service.name}" was removed`,
  });
  return { done: true };
}
