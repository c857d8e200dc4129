// Use-case: remove an identity. Refused while it is the last administrator, or answers for devices and services
// of which nothing is said (owned.ts); afterwards its credentials are worth nothing and its sessions end.

import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext } from '../context.ts';
import { concernsIdentity } from '../../core/lock.ts';
import { endedWaysIn } from '../enroll/ways-in.ts';
import { endSessions } from '../sessions/end-session.ts';
import { reviewApproved } from '../sessions/review-sessions.ts';
import { withoutAdministrator } from './administrators.ts';
import { requireIdentity } from './find.ts';
import { actor, type Operator } from './operator.ts';
import { requireRank } from './rank.ts';
import { leaveOwned, type Offboarding } from './owned.ts';

export async function removeIdentity(
  ctx: AuthorityContext,
  caller: Operator,
  nameOrId: string,
  offboarding: Offboarding = {},
): Promise<{ readonly done: true }> {
  const { id } = await requireIdentity(ctx, nameOrId);
  const stored = await ctx.store.get('identity', id);
  if (stored === undefined) throw new SallyportError('not_found', `there is no identity "${nameOrId}"`);
  const identity = stored.value;
  await requireRank(ctx, caller, identity.roles);
  const stamp = await withoutAdministrator(ctx, identity);
  await leaveOwned(ctx, caller, { identity, ...offboarding });
  const ended = await endedWaysIn(ctx, id);

  await ctx.store.commit({
    changes: [{ delete: 'identity', id, rev: stored.rev }, ...stamp, ...ended.changes],
    events: [
      {
        type: 'identity.removed',
        actor: actor(caller),
        outcome: 'success',
        identity: id,
        body: {
          name: identity.name,
          credentialsRevoked: ended.credentials,
          passkeysRemoved: ended.passkeys,
          by: caller.identity.name,
        },
      },
    ],
  });

  await endSessions(
    ctx,
    ctx.sessions.matching((subject) => concernsIdentity(subject, id)),
    { reason: 'policy', by: actor(caller), detail: `"${identity.name}" was removed` },
  );
  await reviewApproved(ctx);
  return { done: true };
}
