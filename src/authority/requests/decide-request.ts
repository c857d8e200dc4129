// Use-cases: a person approves a request, denies it, takes his approval back; the requester takes it back whole.
// Each approval is signed by the approver's own key over the hash of exactly this request, and counts persons.

import type { ApproveBody, RequestView } from '../../api/requests.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft, EventType } from '../../core/event.ts';
import { printable } from '../../core/printable.ts';
import {
  endsAt,
  isOpen,
  isSameWay,
  personsByPasskey,
  stepRequest,
  type AccessRequest,
  type RequestEvent,
} from '../../core/request.ts';
import { actor, may, type Operator } from '../admin/operator.ts';
import { deviceCheckAt, isEnoughFor, type DeviceCheck } from '../approvers/device-check.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { endSession } from '../sessions/end-session.ts';
import { updateRecord } from '../store/update-record.ts';
import { approvalFault, approvalFaultWords, factsOf, validApprovers } from './approvals.ts';
import { byKey, byPasskey, type SignedYes } from './signed-yes.ts';
import { requireRequest, viewRequest } from './request-view.ts';

export async function approveRequest(
  ctx: AuthorityContext,
  caller: Operator,
  asked: { readonly id: string; readonly proof: ApproveBody },
): Promise<RequestView> {
  const { value: request } = await requireRequest(ctx, caller, asked.id);
  await requireCounts(ctx, caller, request);
  const check = await deviceCheckAt(ctx, request.device);
  requireWay(ctx, request, { proof: asked.proof, check });
  const signed = await requireSigned(ctx, caller, { request, proof: asked.proof });
  const valid = await validApprovers(ctx, request);
  const now = ctx.clock.now();
  const { identity } = caller;
  const after = await updateRecord(ctx.store, { kind: 'request', id: request.id }, (value) => {
    // Twice by one person is once: a double click, a retry. By passkey and by command is what a device may want.
    if (value.approvals.some((known) => known.by === identity.id && isSameWay(known, signed.proof)))
      return undefined;
    if (value.state !== 'pending' || endsAt(value) <= now) throw notOpen(value, now);
    const approvals = [...value.approvals, { by: identity.id, at: now, ...signed.proof }];
    // Somebody who approved at the same instant was not looked at: he counts, and is looked at again when used.
    const seen = new Set(request.approvals.map(({ by }) => by));
    const ways = value.byPasskey === true ? [...personsByPasskey(approvals)] : approvals.map(({ by }) => by);
    const counting = new Set(ways.filter((by) => valid.has(by) || !seen.has(by))).size;
    const isEnough = counting >= value.needed && isEnoughFor(check, approvals, value.requester);
    const next = isEnough
      ? { ...value, approvals, ...moved(value, 'approve', now) }
      : { ...value, approvals };
    return {
      value: next,
      events: [
        eventOf('request.approved', caller, next, {
          approvals: counting,
          needed: value.needed,
          ...signed.proof,
        }),
      ],
      changes: signed.changes,
    };
  });
  return await viewRequest(ctx, caller, after ?? request);
}

/** Who has approved it takes that back; everybody else who could approve it says no for all. */
export async function denyRequest(
  ctx: AuthorityContext,
  caller: Operator,
  asked: { readonly id: string; readonly reason?: string | undefined },
): Promise<RequestView> {
  const { value: request } = await requireRequest(ctx, caller, asked.id);
  const reason = asked.reason === undefined ? undefined : requireText(asked.reason, 'reason');
  if (request.approvals.some(({ by }) => by === caller.identity.id)) {
    return await withdraw(ctx, caller, { request, reason });
  }
  if (!may(ctx, caller, 'stopAccess')) await requireCounts(ctx, caller, request);
  const now = ctx.clock.now();
  const after = await updateRecord(ctx.store, { kind: 'request', id: request.id }, (value) => {
    if (!isOpen(value.state) || endsAt(value) <= now) throw notOpen(value, now);
    const next: AccessRequest = {
      ...value,
      ...moved(value, 'deny', now),
      deniedBy: caller.identity.id,
      ...(reason === undefined ? {} : { denyReason: reason }),
    };
    return { value: next, events: [eventOf('request.denied', caller, next, { reason: reason ?? '' })] };
  });
  return await viewRequest(ctx, caller, after ?? request);
}

/** By whoever asked, or an administrator. */
export async function cancelRequest(
  ctx: AuthorityContext,
  caller: Operator,
  id: string,
): Promise<RequestView> {
  const { value: request } = await requireRequest(ctx, caller, id);
  if (request.requester !== caller.identity.id && !may(ctx, caller, 'stopAccess')) {
    throw new SallyportError('forbidden', `"${request.id}" is not yours to take back`, {
      next: `say no to it instead: sallyport deny ${request.id}`,
    });
  }
  const now = ctx.clock.now();
  const after = await updateRecord(ctx.store, { kind: 'request', id: request.id }, (value) => {
    if (!isOpen(value.state)) throw notOpen(value, now);
    const next = { ...value, ...moved(value, 'cancel', now) };
    return { value: next, events: [eventOf('request.cancelled', caller, next, {})] };
  });
  return await viewRequest(ctx, caller, after ?? request);
}

/** Negative test I7: what stood on the approval ends. */
async function withdraw(
  ctx: AuthorityContext,
  caller: Operator,
  { request, reason }: { readonly request: AccessRequest; readonly reason: string | undefined },
): Promise<RequestView> {
  const now = ctx.clock.now();
  const { id: own, name } = caller.identity;
  const after = await updateRecord(ctx.store, { kind: 'request', id: request.id }, (value) => {
    const approvals = value.approvals.filter(({ by }) => by !== own);
    if (approvals.length === value.approvals.length) return undefined;
    if (value.state !== 'pending' && stepRequest(value.state, 'withdraw') === undefined)
      throw notOpen(value, now);
    const isLost = value.state !== 'pending' && approvals.length < value.needed;
    const next = { ...value, approvals, ...(isLost ? moved(value, 'withdraw', now) : {}) };
    return { value: next, events: [eventOf('request.withdrawn', caller, next, { reason: reason ?? '' })] };
  });
  if (after?.state === 'withdrawn' && after.session !== undefined) {
    await endSession(ctx, {
      session: after.session,
      reason: 'approver',
      by: actor(caller),
      detail: `"${name}" took the approval back${reason === undefined ? '' : `: ${reason}`}`,
    });
  }
  return await viewRequest(ctx, caller, after ?? request);
}

/** Negative test I6: each refusal is on the log. */
async function requireCounts(ctx: AuthorityContext, caller: Operator, request: AccessRequest): Promise<void> {
  const facts = await factsOf(ctx, request);
  if (facts === undefined) throw gone(request);
  const fault = approvalFault(ctx, caller.identity, facts);
  if (fault === undefined) return;
  await refuse(ctx, caller, { request, code: fault });
  throw new SallyportError('forbidden', `this needs somebody else: ${approvalFaultWords[fault]}`, {
    next: `"sallyport requests show ${request.id}" says how many approvals it has`,
  });
}

async function requireSigned(
  ctx: AuthorityContext,
  caller: Operator,
  { request, proof }: { readonly request: AccessRequest; readonly proof: ApproveBody },
): Promise<SignedYes> {
  const read =
    'assertion' in proof
      ? await byPasskey(ctx, caller, { request, ...proof })
      : byKey(caller, request, proof);
  if (typeof read !== 'string') return read;
  await refuse(ctx, caller, { request, code: read });
  throw new SallyportError('invalid', 'the signature is not yours over exactly this request', {
    next: `look at it again: sallyport requests show ${request.id}`,
  });
}

/** Where policy wants a passkey, a key of the command line is no yes; a device may want both. */
function requireWay(
  ctx: AuthorityContext,
  { id, byPasskey }: AccessRequest,
  { proof, check }: { readonly proof: ApproveBody; readonly check: DeviceCheck | undefined },
): void {
  if (byPasskey !== true || 'assertion' in proof || check?.check === 'verify+cli') return;
  throw new SallyportError('forbidden', 'policy wants a passkey for this approval', {
    next: `approve it in the console: ${ctx.broker.console?.origin ?? ''}/requests/${id}`,
  });
}

async function refuse(
  ctx: AuthorityContext,
  caller: Operator,
  { request, code }: { readonly request: AccessRequest; readonly code: string },
): Promise<void> {
  const event = eventOf('request.refused', caller, request, {});
  await ctx.store.commit({ changes: [], events: [{ ...event, outcome: 'denied', code }] });
}

function moved(
  request: AccessRequest,
  event: RequestEvent,
  now: number,
): Pick<AccessRequest, 'state' | 'decidedAt'> {
  const state = stepRequest(request.state, event);
  if (state === undefined) throw notOpen(request, now);
  return { state, decidedAt: now };
}

function eventOf(
  type: EventType,
  caller: Operator,
  request: AccessRequest,
  body: EventDraft['body'],
): EventDraft {
  return {
    type,
    actor: actor(caller),
    outcome: 'success',
    identity: request.requester,
    device: request.device,
    request: request.id,
    ...(request.session === undefined ? {} : { session: request.session }),
    body: { by: caller.identity.name, target: request.target, state: request.state, ...body },
  };
}

function notOpen(request: AccessRequest, now: number): SallyportError {
  const state = isOpen(request.state) && endsAt(request) <= now ? 'expired' : request.state;
  return new SallyportError('conflict', `this request is ${state} already`, {
    next:
      request.session === undefined
        ? 'whoever needs the access asks again: sallyport request'
        : `its session: sallyport sessions show ${printable(request.session)}`,
  });
}

function gone(request: AccessRequest): SallyportError {
  return new SallyportError('not_found', `"${printable(request.target)}" or who asked for it is gone`, {
    next: 'sallyport requests ls',
  });
}
