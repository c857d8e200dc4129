// Use-case: somebody shows a sealed request that enough offline keys signed. It becomes a grant that stands in for
// every permit, approval, ticket and passkey, and for nothing that forbids: locks, holds and forbids stay (negative
// test I18). What it opens is one session, at once, for minutes.

import type { z } from 'zod';
import type { breakGlassBody, BreakGlassView } from '../../api/break-glass.ts';
import { timeFault, type BreakGlass, type SealedRequest } from '../../core/break-glass.ts';
import { SallyportError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { requestActions, type AccessRequest } from '../../core/request.ts';
import { parseTarget } from '../../core/target.ts';
import { breakGlassId, openOnSite, openSealed } from '../../wire/break-glass.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { findDestination, noSuchTarget } from '../sessions/find-destination.ts';
import { lockOn, type Destination } from '../sessions/session-facts.ts';
import { StoreConflict } from '../store/store.ts';
import { countSigners } from './keys.ts';
import { viewBreakGlass } from './uses.ts';

type Body = z.infer<typeof breakGlassBody>;

/** Throws SallyportError; every refusal is on the log first. */
export async function openBreakGlass(
  ctx: AuthorityContext,
  caller: Operator,
  body: Body,
): Promise<BreakGlassView> {
  ctx.breakGlassTries.requireLeft(caller.identity.id);
  const request = openSealed(body.content);
  if (request === undefined) {
    const isOnSite = openOnSite(body.content) !== undefined;
    const why = isOnSite ? 'it is one for the device itself' : 'this is no sealed request';
    throw await refuse(ctx, caller, why);
  }
  const fault = faultOf(ctx, caller, request);
  if (fault !== undefined) throw await refuse(ctx, caller, fault, request);
  const signers = await requireSigners(ctx, caller, { body, request });
  const destination = await requireDestination(ctx, caller, request);

  const now = ctx.clock.now();
  const id = breakGlassId(body.content);
  const grant = grantOf(ctx, caller, { request, destination, id });
  const use: BreakGlass = {
    id,
    tenant: caller.identity.tenant,
    identity: caller.identity.id,
    target: request.target,
    reason: request.reason,
    forMs: request.forMs,
    signers,
    request: grant.id,
    openedAt: now,
    reviewBy: now + limits.breakGlassReviewMs,
  };
  try {
    await ctx.store.commit({
      changes: [
        { put: 'breakglass', value: use, rev: 0 },
        { put: 'request', value: grant, rev: 0 },
      ],
      events: [
        {
          type: 'breakglass.opened',
          actor: actor(caller),
          outcome: 'success',
          identity: caller.identity.id,
          device: grant.device,
          request: grant.id,
          body: {
            name: caller.identity.name,
            content: body.content,
            signatures: [...body.signatures],
            signers: [...signers],
            reviewBy: iso(use.reviewBy),
            sourceIp: caller.sourceIp,
          },
        },
      ],
    });
  } catch (error) {
    if (!(error instanceof StoreConflict) || error.kind !== 'breakglass') throw error;
    throw await refuse(ctx, caller, 'this sealed request was used before', request);
  }
  ctx.log.error(
    { identity: caller.identity.name, target: request.target, signers, reason: printable(request.reason) },
    'break-glass was used',
  );
  return await viewBreakGlass(ctx, use);
}

function faultOf(ctx: AuthorityContext, caller: Operator, request: SealedRequest): string | undefined {
  const { identity, spki } = caller;
  if (identity.kind !== 'human') return 'only people break glass';
  if (request.trustDomain !== ctx.pki.trustDomain) return 'it is for another broker';
  if (request.identity.id !== identity.id) return 'it was made for somebody else';
  if (request.cnf !== spki) return 'it was made for another key than the one of this sign-in';
  return timeFault(request, ctx.clock.now(), { isSure: true });
}

/** Names of the keys that signed it, at least as many as it takes. */
async function requireSigners(
  ctx: AuthorityContext,
  caller: Operator,
  { body, request }: { readonly body: Body; readonly request: SealedRequest },
): Promise<readonly string[]> {
  const answer = await countSigners(ctx, body);
  if (answer.why === undefined) return answer.signers;
  throw await refuse(ctx, caller, answer.why, request);
}

async function requireDestination(
  ctx: AuthorityContext,
  caller: Operator,
  request: SealedRequest,
): Promise<Destination> {
  const target = parseTarget(request.target);
  const { destination } = target === undefined ? {} : await findDestination(ctx, target);
  if (destination === undefined || destination.device.tenant !== caller.identity.tenant) {
    const { code, message, next } = noSuchTarget(request.target);
    throw new SallyportError(code, message, { next });
  }
  if (destination.device.approvals !== undefined) {
    throw await refuse(
      ctx,
      caller,
      'the device looks at approvals itself, and offline keys are none there',
      request,
    );
  }
  const lock = lockOn(ctx, caller.identity, destination, { cnf: caller.spki });
  if (lock === undefined) return destination;
  throw await refuse(ctx, caller, `a lock stands, and break-glass does not lift it: ${lock.reason}`, request);
}

function grantOf(
  ctx: AuthorityContext,
  caller: Operator,
  of: { readonly request: SealedRequest; readonly destination: Destination; readonly id: string },
): AccessRequest {
  const { request, destination, id } = of;
  const now = ctx.clock.now();
  return {
    id: newId('req', ctx.random.bytes(16)),
    tenant: caller.identity.tenant,
    state: 'approved',
    requester: caller.identity.id,
    cnf: caller.spki,
    device: destination.device.id,
    ...(destination.service === undefined ? {} : { service: destination.service.id }),
    target: request.target,
    actions: requestActions,
    forMs: request.forMs,
    reason: request.reason,
    startAt: now,
    createdAt: now,
    expiresAt: now,
    usableUntil: now + limits.breakGlassUseWithinMs,
    content: { breakGlass: id },
    needed: 0,
    approvals: [],
    decidedAt: now,
    breakGlass: id,
  };
}

async function refuse(
  ctx: AuthorityContext,
  caller: Operator,
  why: string,
  request?: SealedRequest,
): Promise<SallyportError> {
  ctx.breakGlassTries.refused(caller.identity.id);
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'breakglass.refused',
        actor: actor(caller),
        outcome: 'denied',
        identity: caller.identity.id,
        body: {
          name: caller.identity.name,
          why: printable(why, 200),
          ...(request === undefined
            ? {}
            : { target: printable(request.target), reason: printable(request.reason) }),
          sourceIp: caller.sourceIp,
        },
      },
    ],
  });
  return new SallyportError('denied', `break-glass was refused: ${printable(why, 200)}`, {
    next: 'make a sealed request anew, and have it signed: sallyport breakglass request TARGET …',
  });
}
