// Use-case: why one identity may, or may not, do one thing on one target. A lock answers no, whatever
// policy says, and is named.

import type { z } from 'zod';
import type { Explained, explainQuery } from '../../api/policy.ts';
import {
  actions,
  houseActions,
  type HouseAction,
  type Question,
  type QuestionContext,
} from '../../core/decision.ts';
import type { Identity } from '../../core/identity.ts';
import { SallyportError } from '../../core/errors.ts';
import { asSubject } from '../../core/lock.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { countedNow } from '../requests/grants.ts';
import { requireRequest } from '../requests/request-view.ts';
import { lockOn, type Destination } from '../sessions/session-facts.ts';
import { requireCommand } from './require-command.ts';
import { requireIdentity } from './find.ts';
import type { Operator } from './operator.ts';
import { requireTarget } from './policy-target.ts';

export async function explainPolicy(
  ctx: AuthorityContext,
  caller: Operator,
  query: z.output<typeof explainQuery>,
): Promise<Explained> {
  const principal = await requireIdentity(ctx, query.identity);
  const house = houseActions.find((known) => known === query.action);
  if (house !== undefined && query.target === undefined) return explainHouse(ctx, principal, house);
  const action = actions.find((known) => known === query.action);
  if (action === undefined || query.target === undefined) {
    throw new SallyportError(
      'invalid',
      `"${query.action}" is ${house === undefined ? '' : 'not '}done on a target`,
      {
        next: house === undefined ? 'name the target, too' : 'leave the target out',
      },
    );
  }
  const target = await requireTarget(ctx, query.target);
  const argv = query.command === undefined ? undefined : requireCommand(query.command);
  const question: Question = {
    principal,
    action,
    ...target,
    context: {
      now: ctx.clock.now(),
      inWindow: ctx.windows.stateFor(target.device).isOpen,
      ...(argv === undefined ? {} : { argv }),
      ...(query.request === undefined ? {} : await asRequested(ctx, caller, { query, principal, target })),
    },
  };
  const { decision, considered, help } = ctx.policy.explain(question);
  const lock = lockOn(ctx, principal, target);
  const isAllowed = decision.outcome === 'allow' && lock === undefined;
  const code = lock === undefined ? (decision.outcome === 'deny' ? decision.code : undefined) : 'locked';
  return {
    outcome: isAllowed ? 'allow' : 'deny',
    ...(code === undefined ? {} : { code }),
    ...(decision.revision === undefined ? {} : { revision: decision.revision }),
    policies: [...decision.policies],
    considered: considered.map((one) => ({ ...one })),
    ...(decision.outcome === 'allow' ? { obligations: { ...decision.obligations } } : {}),
    help: [...help],
    ...(lock === undefined ? {} : { lock: `${lock.id} "${printable(lock.reason)}"` }),
  };
}

/** What he may do with the broker itself, by what is known of him alone: not where he asks from. */
function explainHouse(ctx: AuthorityContext, principal: Identity, action: HouseAction): Explained {
  const { decision, considered } = ctx.policy.explainHouse({ principal, action, now: ctx.clock.now() });
  const lock = ctx.locks.find(asSubject(principal));
  const isAllowed = decision.isAllowed && lock === undefined;
  const code = decision.policies.length > 0 ? 'forbidden' : 'not_permitted';
  const revision = ctx.policy.revisionOf(principal.tenant)?.id;
  return {
    outcome: isAllowed ? 'allow' : 'deny',
    ...(isAllowed ? {} : { code: lock === undefined ? code : 'locked' }),
    ...(revision === undefined ? {} : { revision }),
    policies: [...decision.policies],
    considered: considered.map((one) => ({ ...one })),
    help: [],
    ...(lock === undefined ? {} : { lock: `${lock.id} "${printable(lock.reason)}"` }),
  };
}

/** With the approvals that the request has now, and its ticket where that counts. */
async function asRequested(
  ctx: AuthorityContext,
  caller: Operator,
  facts: {
    readonly query: z.output<typeof explainQuery>;
    readonly principal: Identity;
    readonly target: Destination;
  },
): Promise<Partial<QuestionContext>> {
  const { query, principal, target } = facts;
  const { value: request } = await requireRequest(ctx, caller, query.request ?? '');
  if (request.requester !== principal.id || request.device !== target.device.id) {
    throw new SallyportError('invalid', `"${request.id}" is not of "${principal.name}" for that target`, {
      next: `sallyport requests show ${request.id}`,
    });
  }
  const { approvals, passkeyApprovals } = await countedNow(ctx, request);
  const { ticket } = request;
  await ctx.lookUps.refresh(ctx, ticket, caller.identity);
  const counts = ticket !== undefined && ctx.tickets.faultOf(ticket, target) === undefined;
  return { approvals, passkeyApprovals, ...(counts ? { ticket } : {}) };
}
