// A caller with an identity (people, machines, AI agents), and how a caller is named on the audit log.

import type { HouseAction } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventActor } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import type { AuthorityContext, Caller } from '../context.ts';

export type Operator = Caller & { readonly identity: Identity };

export function actor(caller: Caller): EventActor {
  return { kind: caller.kind, id: caller.id };
}

/** Whether policy lets him do this with the broker itself. Where he asks from counts as far as it is known. */
export function may(
  { policy, clock }: Pick<AuthorityContext, 'policy' | 'clock'>,
  caller: Pick<Operator, 'identity'> & { readonly sourceIp?: string | undefined },
  action: HouseAction,
): boolean {
  const { identity, sourceIp } = caller;
  const now = clock.now();
  const revision = policy.revisionOf(identity.tenant);
  let said = saidTo.get(caller);
  if (said === undefined || said.now !== now || said.revision !== revision) {
    said = { now, revision, answers: new Map() };
    saidTo.set(caller, said);
  }
  const known = said.answers.get(action);
  if (known !== undefined) return known;
  const from = sourceIp === undefined ? {} : { sourceIp };
  const { isAllowed } = policy.decideHouse({ principal: identity, action, now, ...from });
  said.answers.set(action, isAllowed);
  return isAllowed;
}

/** A list asks once for each of thousands of records: of one request, and one moment, the answer is the same. */
const saidTo = new WeakMap<
  object,
  {
    readonly now: number;
    readonly revision: PolicyRevision | undefined;
    readonly answers: Map<HouseAction, boolean>;
  }
>();

/** Throws `forbidden`. For what a route cannot say by itself. */
export function requireRight(
  ctx: Pick<AuthorityContext, 'policy' | 'clock'>,
  caller: Operator,
  action: HouseAction,
): void {
  if (may(ctx, caller, action)) return;
  throw new SallyportError('forbidden', `policy does not let you do this: "${action}"`, {
    next: `ask an administrator, who sees why by: sallyport policy explain ${caller.identity.name} ${action}`,
  });
}

/** Everything that is here, whether policy lets him discover it or not. */
export function seesAll(ctx: Pick<AuthorityContext, 'policy' | 'clock'>, caller: Operator): boolean {
  return may(ctx, caller, 'inspect');
}
