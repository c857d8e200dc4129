// A caller with an identity (people, machines, AI agents), and how a caller is named on the audit log.

import type { HouseAction } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventActor } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import type { AuthorityContext, Caller } from '../context.ts';

export type Operator = Caller & { readonly identity: Identity };

export function actor(caller: Caller): EventActor {
  return { kind: caller.kind, id: caller.id };
}

/** Whether policy lets him do this with the broker itself. Where he asks from counts as far as it is known. */
export function may(
  { policy, clock }: Pick<AuthorityContext, 'policy' | 'clock'>,
  { identity, sourceIp }: Pick<Operator, 'identity'> & { readonly sourceIp?: string | undefined },
  action: HouseAction,
): boolean {
  const from = sourceIp === undefined ? {} : { sourceIp };
  return policy.decideHouse({ principal: identity, action, now: clock.now(), ...from }).isAllowed;
}

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
