// Use-case: who could do what on a target: every identity is put to the decision point. Somebody locked
// is listed, since the lock may be lifted, with no action: at this moment there is none.

import type { z } from 'zod';
import type { WhoCan, whoCanQuery } from '../../api/policy.ts';
import type { Action } from '../../core/decision.ts';
import type { AuthorityContext } from '../context.ts';
import { lockOn } from '../sessions/session-facts.ts';
import { eachRecord } from './each-record.ts';
import { Pauses } from './pauses.ts';
import { requireTarget } from './policy-target.ts';

export async function whoCan(ctx: AuthorityContext, query: z.output<typeof whoCanQuery>): Promise<WhoCan> {
  const target = await requireTarget(ctx, query.target);
  const now = ctx.clock.now();
  const pauses = new Pauses();
  const items: WhoCan['items'] = [];
  for await (const { value: principal } of eachRecord(ctx.store, 'identity')) {
    if (principal.expiresAt !== undefined && principal.expiresAt <= now) continue;
    const question = { principal, ...target, context: { now } };
    const permitted = ctx.policy.could(question).filter((action) => isAsked(query.action, action));
    await pauses.next();
    if (permitted.length === 0) continue;
    const policies = new Set<string>();
    for (const action of permitted) {
      for (const id of ctx.policy.decide({ ...question, action }).policies) policies.add(id);
    }
    const isLocked = lockOn(ctx, principal, target) !== undefined;
    items.push({
      identity: { id: principal.id, name: principal.name },
      kind: principal.kind,
      actions: isLocked ? [] : permitted,
      policies: [...policies].sort(),
      locked: isLocked,
    });
  }
  items.sort((a, b) => (a.identity.name < b.identity.name ? -1 : 1));
  return { items };
}

function isAsked(asked: Action | undefined, action: Action): boolean {
  return asked === undefined || asked === action;
}
