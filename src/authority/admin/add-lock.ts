// Use-case: an administrator places a lock. What it matches is cut before this returns.

import type { z } from 'zod';
import type { lockBody, Locked } from '../../api/nouns.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { placeLock } from '../sessions/place-lock.ts';
import { requireSubject } from './lock-subject.ts';
import { viewLock } from './lock-view.ts';
import { actor, type Operator } from './operator.ts';

export async function addLock(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof lockBody>,
): Promise<Locked> {
  const reason = requireText(body.reason, 'reason');
  const selector = await requireSubject(ctx, caller, body);
  const { lock, cut } = await placeLock(ctx, {
    tenant: caller.identity.tenant,
    selector,
    reason,
    by: actor(caller),
    createdBy: caller.identity.id,
    ...(body.forMs === undefined ? {} : { expiresAt: ctx.clock.now() + body.forMs }),
  });
  return { lock: await viewLock(ctx, lock), cut: [...cut] };
}
