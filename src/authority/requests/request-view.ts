// A request as the api shows it, and who may see it: the requester, whoever may approve it or has, and
// administrators. For everybody else there is none.

import type { RequestView } from '../../api/requests.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import { endsAt, isOpen, type AccessRequest, type ApprovalProof } from '../../core/request.ts';
import { approvalDigest } from '../../wire/approval.ts';
import { canonicalJson } from '../../core/json.ts';
import { identityName } from '../admin/names.ts';
import { seesAll, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import { deviceCheckAt, neededBy } from '../approvers/device-check.ts';
import type { AuthorityContext } from '../context.ts';
import type { Stored } from '../store/store.ts';
import { approvalFault, factsOf } from './approvals.ts';

export async function viewRequest(
  ctx: AuthorityContext,
  caller: Operator,
  request: AccessRequest,
): Promise<RequestView> {
  const { service, ticket, decidedAt, deniedBy, denyReason, session } = request;
  const approvals: RequestView['approvals'] = [];
  for (const approval of request.approvals) {
    const { by, at } = approval;
    approvals.push({ by: { id: by, name: await identityName(ctx, by) }, at: iso(at), how: howOf(approval) });
  }
  const checkedByDevice = await deviceCheck(ctx, request);
  const isOver = isOpen(request.state) && endsAt(request) <= ctx.clock.now();
  return {
    id: request.id,
    state: isOver ? 'expired' : request.state,
    requester: { id: request.requester, name: await identityName(ctx, request.requester) },
    target: request.target,
    device: request.device,
    ...(service === undefined ? {} : { service }),
    actions: [...request.actions],
    ...(request.commands === undefined ? {} : { commands: request.commands.map((words) => [...words]) }),
    ...(request.paths === undefined ? {} : { paths: [...request.paths] }),
    forMs: request.forMs,
    reason: request.reason,
    ...(ticket === undefined ? {} : { ticket }),
    needed: request.needed,
    ...(request.byPasskey === undefined ? {} : { byPasskey: true as const }),
    given: new Set(request.approvals.map(({ by }) => by)).size,
    approvals,
    ...(checkedByDevice === undefined ? {} : { checkedByDevice }),
    startAt: iso(request.startAt),
    createdAt: iso(request.createdAt),
    expiresAt: iso(request.expiresAt),
    usableUntil: iso(request.usableUntil),
    ...(decidedAt === undefined ? {} : { decidedAt: iso(decidedAt) }),
    ...(deniedBy === undefined
      ? {}
      : { deniedBy: { id: deniedBy, name: await identityName(ctx, deniedBy) } }),
    ...(denyReason === undefined ? {} : { denyReason }),
    ...(session === undefined ? {} : { session }),
    mayApprove: !isOver && isOpen(request.state) && (await mayApprove(ctx, caller, request)),
    content: canonicalJson(request.content),
    digest: approvalDigest(request.content),
  };
}

function howOf(approval: ApprovalProof): 'command' | 'passkey' {
  return 'statement' in approval ? 'command' : 'passkey';
}

async function deviceCheck(
  ctx: AuthorityContext,
  { device }: AccessRequest,
): Promise<RequestView['checkedByDevice']> {
  const check = await deviceCheckAt(ctx, device);
  if (check === undefined) return undefined;
  const { set } = check;
  return {
    check: check.check,
    needed: neededBy(check),
    ...(set === undefined ? {} : { version: set.version, persons: set.persons.map(({ name }) => name) }),
  };
}

/** Throws `not_found` for one that is missing, and for one that is not for the caller to know. */
export async function requireRequest(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<Stored<AccessRequest>> {
  const id = parseId('req', text);
  const stored = id === undefined ? undefined : await ctx.store.get('request', id);
  if (stored !== undefined && (await maySee(ctx, caller, stored.value))) return stored;
  throw new SallyportError('not_found', `there is no request "${printable(text, 80)}"`, {
    next: '"sallyport requests ls" lists the ones you may see',
  });
}

export async function maySee(
  ctx: AuthorityContext,
  caller: Operator,
  request: AccessRequest,
): Promise<boolean> {
  if (request.requester === caller.identity.id) return true;
  const facts = await factsOf(ctx, request);
  if (facts !== undefined && facts.requester.tenant !== caller.identity.tenant) return false;
  if (seesAll(ctx, caller) || request.approvals.some(({ by }) => by === caller.identity.id)) return true;
  const fault = facts === undefined ? 'not_permitted' : approvalFault(ctx, caller.identity, facts);
  // He approves here, only not for this one, or answers for who asked: he is told so.
  return fault === undefined || fault === 'invited_by_requester' || fault === 'own_request';
}

/** His approval would count, and is missing. */
export async function mayApprove(
  ctx: AuthorityContext,
  { identity }: Operator,
  request: AccessRequest,
): Promise<boolean> {
  const own = request.approvals.filter(({ by }) => by === identity.id);
  const facts = await factsOf(ctx, request);
  if (own.length > 0) {
    const wantsBoth = facts?.destination.device.approvals?.check === 'verify+cli';
    if (!wantsBoth || own.length > 1) return false;
  }
  return facts !== undefined && approvalFault(ctx, identity, facts) === undefined;
}
