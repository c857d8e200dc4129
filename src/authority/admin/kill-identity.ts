// Use-case: stop somebody, now: a lock on the identity, and everything it had is cut.

import type { z } from 'zod';
import type { killBody, Killed } from '../../api/nouns.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { placeLock } from '../sessions/place-lock.ts';
import { requireIdentity } from './find.ts';
import { requireSubject } from './lock-subject.ts';
import { actor, type Operator } from './operator.ts';

export async function killIdentity(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof killBody>,
): Promise<Killed> {
  const reason = requireText(body.reason, 'reason');
  const identity = await requireIdentity(ctx, body.identity);
  const { lock, cut } = await placeLock(ctx, {
    tenant: caller.identity.tenant,
    selector: await requireSubject(ctx, caller, { kind: 'identity', subject: identity.id }),
    reason,
    by: actor(caller),
    createdBy: caller.identity.id,
    events: [
      {
        type: 'identity.killed',
        actor: actor(caller),
        outcome: 'success',
        identity: identity.id,
        body: { name: identity.name, reason, by: caller.identity.name },
      },
    ],
  });
  return { lock: lock.id, cut: [...cut] };
}
