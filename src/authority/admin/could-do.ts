// Use-case: what one identity could do on one target. Under a lock: nothing.

import type { z } from 'zod';
import type { could, couldQuery } from '../../api/policy.ts';
import type { AuthorityContext } from '../context.ts';
import { lockOn } from '../sessions/session-facts.ts';
import { requireIdentity } from './find.ts';
import { requireTarget } from './policy-target.ts';

export async function couldDo(
  ctx: AuthorityContext,
  query: z.output<typeof couldQuery>,
): Promise<z.input<typeof could>> {
  const principal = await requireIdentity(ctx, query.identity);
  const target = await requireTarget(ctx, query.target);
  const isLocked = lockOn(ctx, principal, target) !== undefined;
  const permitted = ctx.policy.could({ principal, ...target, context: { now: ctx.clock.now() } });
  return { actions: isLocked ? [] : [...permitted], locked: isLocked };
}
