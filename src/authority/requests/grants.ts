// A grant is an approved request that no session has used up yet. It opens one session, by the key that asked,
// for what was asked; afterwards its approvals hold that session, for as long as they count.

import type { ChannelParams } from '../../core/channel.ts';
import { limits } from '../../core/limits.ts';
import { canonicalJson } from '../../core/json.ts';
import {
  isWithinScope,
  personsByPasskey,
  type AccessRequest,
  type ApprovalProof,
} from '../../core/request.ts';
import { encodeEvidence, readAssertion } from '../../wire/approval.ts';
import type { Session } from '../../core/session-record.ts';
import { deviceCheckOf, isEnoughFor } from '../approvers/device-check.ts';
import type { AuthorityContext } from '../context.ts';
import type { Wish } from '../sessions/session-facts.ts';
import type { Stored } from '../store/store.ts';
import { validApprovers } from './approvals.ts';

export interface Grant {
  readonly request: Stored<AccessRequest>;
  readonly counted: CountedApprovals;
}

/** Persons whose approval counts now, and those of them who gave it by a passkey. */
export interface CountedApprovals {
  readonly approvals: number;
  readonly passkeyApprovals: number;
  /** Nobody approved it, offline keys opened it. */
  readonly breakGlass?: true;
}

const byBreakGlass: CountedApprovals = { approvals: 0, passkeyApprovals: 0, breakGlass: true };

/** The oldest that covers the wish. `cnf`: thumbprint of the key that wants to use it. */
export async function findGrant(ctx: AuthorityContext, wish: Wish, cnf: string): Promise<Grant | undefined> {
  const filter = { live: true, identity: wish.identity.id, device: wish.device.id };
  const page = { order: 'newest', limit: limits.requestsPerIdentityMax } as const;
  const { items } = await ctx.store.list('request', filter, page);
  const check = await deviceCheckOf(ctx, wish.device);
  for (const request of items.toReversed()) {
    if (!covers(request.value, wish, { cnf, now: ctx.clock.now() })) continue;
    const { counted, counting } = await count(
      ctx,
      request.value,
      wish.behalf?.map(({ id }) => id),
    );
    const isEnough =
      counted.approvals >= request.value.needed && isEnoughFor(check, counting, wish.identity.id);
    if (counted.breakGlass === true || isEnough) return { request, counted };
  }
  return undefined;
}

function covers(
  request: AccessRequest,
  { service, params }: Wish,
  { cnf, now }: { readonly cnf: string; readonly now: number },
): boolean {
  return (
    request.state === 'approved' &&
    request.cnf === cnf &&
    request.service === service?.id &&
    isWithinScope(request, params) &&
    now >= request.startAt &&
    now < request.usableUntil
  );
}

/** What was asked for binds each channel of the session that it opened. */
export async function isOfItsRequest(
  ctx: AuthorityContext,
  session: Session,
  params: ChannelParams,
): Promise<boolean> {
  if (session.request === undefined) return true;
  const request = await ctx.store.get('request', session.request);
  return request !== undefined && isWithinScope(request.value, params);
}

/** What a session's channels bring of its approvals, for a device that looks at them itself. */
export async function evidenceOf(ctx: AuthorityContext, session: Session): Promise<string | undefined> {
  const request = session.request === undefined ? undefined : await ctx.store.get('request', session.request);
  if (request === undefined) return undefined;
  const { content, approvals } = request.value;
  return encodeEvidence({ content: canonicalJson(content), approvals: approvals.map(bareProof) });
}

/** Whoever verifies it has its own word for who signed, and with which key. */
function bareProof(approval: ApprovalProof): ApprovalProof {
  if ('statement' in approval) return { statement: approval.statement };
  const kept = readAssertion(approval.assertion);
  return { assertion: kept === undefined ? approval.assertion : JSON.stringify(kept) };
}

/** Persons whose approval holds a session now; undefined for one that needed none. */
export async function approvalsOf(
  ctx: AuthorityContext,
  session: Session,
): Promise<CountedApprovals | undefined> {
  if (session.request === undefined) return undefined;
  const request = (await ctx.store.get('request', session.request))?.value;
  const isItsOwn = request?.state === 'used' && request.session === session.id;
  return isItsOwn
    ? await countedNow(ctx, request, session.behalf?.chain)
    : { approvals: 0, passkeyApprovals: 0 };
}

/** As a request stands at this moment. `behalf`: for whom somebody acts; they would approve themselves. */
export async function countedNow(
  ctx: AuthorityContext,
  request: AccessRequest,
  behalf?: readonly string[],
): Promise<CountedApprovals> {
  return (await count(ctx, request, behalf)).counted;
}

async function count(
  ctx: AuthorityContext,
  request: AccessRequest,
  behalf: readonly string[] = [],
): Promise<{ readonly counted: CountedApprovals; readonly counting: AccessRequest['approvals'] }> {
  if (request.breakGlass !== undefined) return { counted: byBreakGlass, counting: [] };
  const valid = await validApprovers(ctx, request);
  const counting = request.approvals.filter(({ by }) => valid.has(by) && !behalf.includes(by));
  const approvals = new Set(counting.map(({ by }) => by)).size;
  return { counting, counted: { approvals, passkeyApprovals: personsByPasskey(counting).size } };
}
