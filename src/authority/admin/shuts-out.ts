// Whether policies would leave nobody who may change them, now and from where they are applied: then they are not put
// in force.

import { isAdministrator } from '../../core/identity.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import type { AuthorityContext } from '../context.ts';
import type { PolicyCheck } from '../policy/check.ts';
import { PolicyPoint } from '../policy/policy-point.ts';
import { eachRecord } from './each-record.ts';
import type { Operator } from './operator.ts';

export async function shutsOut(
  ctx: AuthorityContext,
  { sourceIp }: Operator,
  {
    check,
    revision,
  }: { readonly check: PolicyCheck & { readonly ok: true }; readonly revision: PolicyRevision },
): Promise<boolean> {
  if (!check.policies.some(({ subject, effect }) => subject === 'house' && effect === 'forbid')) return false;
  const now = ctx.clock.now();
  const point = new PolicyPoint();
  try {
    point.load(revision);
    for await (const { value: principal } of eachRecord(ctx.store, 'identity')) {
      const isOver = principal.expiresAt !== undefined && principal.expiresAt <= now;
      if (isOver || principal.kind !== 'human' || !isAdministrator(principal)) continue;
      if (point.decideHouse({ principal, action: 'administerPolicy', now, sourceIp }).isAllowed) return false;
    }
    return true;
  } finally {
    point.close();
  }
}
