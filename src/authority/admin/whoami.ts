// Use-case: who this certificate is, and what is open for it.

import type { Whoami } from '../../api/enrollments.ts';
import { houseActions } from '../../core/decision.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { breakGlassAlarms } from '../break-glass/uses.ts';
import type { AuthorityContext } from '../context.ts';
import { may, type Operator } from './operator.ts';
import { iso } from './time-text.ts';

export async function whoami(
  ctx: AuthorityContext,
  caller: Operator,
  provider: string | undefined,
): Promise<Whoami> {
  const { identity, serial, notAfter } = caller;
  const sessions: Whoami['sessions'] = [];
  for (const live of ctx.sessions.all()) {
    if (live.identity !== identity.id) continue;
    const session = await ctx.store.get('session', live.id);
    if (session !== undefined) sessions.push({ id: live.id, name: session.value.target });
  }
  return {
    id: identity.id,
    kind: identity.kind,
    name: identity.name,
    roles: [...identity.roles],
    rights: houseActions.filter((action) => may(ctx, caller, action)),
    ...(identity.tenant === defaultTenant ? {} : { tenant: identity.tenant }),
    broker: ctx.broker.name,
    certificate: { serial, notAfter: iso(notAfter) },
    sessions,
    ...(provider === undefined ? {} : { provider }),
    ...(identity.vendor === undefined ? {} : { vendor: identity.vendor }),
    alarms: await breakGlassAlarms(ctx, caller),
    ...(identity.approverKeys === undefined ? {} : { approverKeys: [...identity.approverKeys] }),
  };
}
