// Whose yes counts for a request, now: at the moment of approving, again when it is used, and for as long as its
// session lives. A quorum counts persons (negative test I6), and who they may be is policy's word, asked as
// Action::"approve" on the target.

import type { QuestionContext } from '../../core/decision.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import type { AccessRequest, RequestAction } from '../../core/request.ts';
import type { AuthorityContext } from '../context.ts';
import { barredBy } from '../admin/barred.ts';
import { eachRecord } from '../admin/each-record.ts';
import { Pauses } from '../admin/pauses.ts';
import type { Destination } from '../sessions/session-facts.ts';

export type ApprovalFault =
  | 'not_a_person'
  | 'own_request'
  /** The requester made him: two identities may be one person. */
  | 'invited_by_requester'
  | 'locked'
  | 'expired'
  | 'not_permitted';

export const approvalFaultWords: Readonly<Record<ApprovalFault, string>> = {
  not_a_person: 'only people approve',
  own_request: 'nobody approves what he asked for himself',
  invited_by_requester: 'whom the requester has invited does not count for him',
  locked: 'who is locked approves nothing',
  expired: 'this identity has expired',
  not_permitted: 'no policy lets you approve this',
};

/** Undefined: his approval counts. */
export function approvalFault(
  ctx: AuthorityContext,
  approver: Identity,
  facts: { readonly requester: Identity; readonly destination: Destination },
): ApprovalFault | undefined {
  const { requester, destination } = facts;
  const now = ctx.clock.now();
  if (approver.kind !== 'human') return 'not_a_person';
  // Who answers for a machine, and who made it known, would approve himself.
  const isOwnMachine = requester.kind !== 'human' && requester.invitedBy === approver.id;
  if (approver.id === requester.id || approver.id === requester.owner || isOwnMachine) return 'own_request';
  if (approver.invitedBy === requester.id) return 'invited_by_requester';
  const barred = barredBy(ctx, approver);
  if (barred !== undefined) return barred === 'expired' ? 'expired' : 'locked';
  const question = { action: 'approve', ...destination, context: { now } } as const;
  return ctx.policy.whoCan(question, [approver]).length === 1 ? undefined : 'not_permitted';
}

/** What a request is about, as it is now; undefined when a part of it is gone. */
export async function factsOf(
  ctx: AuthorityContext,
  request: AccessRequest,
): Promise<{ readonly requester: Identity; readonly destination: Destination } | undefined> {
  const requester = await ctx.store.get('identity', request.requester);
  const device = await ctx.store.get('device', request.device);
  const service = request.service === undefined ? undefined : await ctx.store.get('service', request.service);
  if (requester === undefined || device === undefined) return undefined;
  if (request.service !== undefined && service === undefined) return undefined;
  return {
    requester: requester.value,
    destination: { device: device.value, ...(service === undefined ? {} : { service: service.value }) },
  };
}

/** The approvers of a request whose yes counts at this moment. */
export async function validApprovers(
  ctx: AuthorityContext,
  request: AccessRequest,
): Promise<ReadonlySet<string>> {
  const facts = request.approvals.length === 0 ? undefined : await factsOf(ctx, request);
  const valid = new Set<string>();
  if (facts === undefined) return valid;
  for (const { by } of request.approvals) {
    const approver = await ctx.store.get('identity', by);
    if (approver !== undefined && approvalFault(ctx, approver.value, facts) === undefined) valid.add(by);
  }
  return valid;
}

/** Everybody whose approval would count, in the order of names. */
export async function possibleApprovers(
  ctx: AuthorityContext,
  facts: { readonly requester: Identity; readonly destination: Destination },
): Promise<readonly Identity[]> {
  const found: Identity[] = [];
  const pauses = new Pauses();
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    await pauses.next();
    if (approvalFault(ctx, value, facts) === undefined) found.push(value);
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** As if so many had approved, each in the way that policy wants. */
export function countedAs(approvals: number): {
  readonly approvals: number;
  readonly passkeyApprovals: number;
} {
  return { approvals, passkeyApprovals: approvals };
}

export interface Needed {
  readonly count: number;
  /** A key of the command line would not do. */
  readonly byPasskey: boolean;
}

/** How many approvals turn policy's no into a yes; 0: it is one already; undefined: none would. */
export function approvalsNeeded(
  ctx: AuthorityContext,
  facts: {
    readonly requester: Identity;
    readonly destination: Destination;
    readonly action: RequestAction;
    readonly ticket?: string | undefined;
    /** The command, or the path, where it is known. */
    readonly which?: Pick<QuestionContext, 'argv' | 'path'>;
  },
): Needed | undefined {
  const { requester, destination, action, ticket, which } = facts;
  const question = { principal: requester, action, ...destination } as const;
  // It may be asked for before its window opens, or its ticket's does, or the requester's own passkey says yes.
  const named = ticket === undefined ? {} : { ticket };
  const now = ctx.clock.now();
  const isAllowed = (counted: Partial<QuestionContext>): boolean => {
    const context = { now, inWindow: true, mfaAgeMs: 0, mfaIsForThis: true, ...named, ...which, ...counted };
    return ctx.policy.decide({ ...question, context }).outcome === 'allow';
  };
  const count = fewestApprovals((approvals) => isAllowed(countedAs(approvals)));
  if (count === undefined) return undefined;
  return { count, byPasskey: count > 0 && !isAllowed({ approvals: count, passkeyApprovals: 0 }) };
}

/** Of a kind as a whole, where what policy demands depends on the command or the path that is not named yet. */
export function approvalsAtMost(
  ctx: AuthorityContext,
  facts: { readonly requester: Identity; readonly destination: Destination; readonly action: RequestAction },
): Needed {
  const { requester, destination, action } = facts;
  const context = { now: ctx.clock.now() };
  const { approvers = 0, approvedBy } = ctx.policy.mostDemanded({
    principal: requester,
    action,
    ...destination,
    context,
  });
  return { count: Math.max(1, approvers), byPasskey: approvedBy === 'passkey' };
}

/** Undefined: more would not help. */
export function fewestApprovals(isAllowed: (approvals: number) => boolean): number | undefined {
  return Array.from({ length: limits.approversMax + 1 }, (_, count) => count).find(isAllowed);
}
