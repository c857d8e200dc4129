// Use-case: something that decisions rest on has changed (a policy, a role, an identity, who may approve): live
// sessions are decided again, and those that would not be opened now are cut.

import type { AuthorityContext } from '../context.ts';
import type { EndReason } from '../../core/end-reason.ts';
import type { IdentityId, SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { Session } from '../../core/session-record.ts';
import { liveChain } from '../delegations/live-chain.ts';
import { countedAs } from '../requests/approvals.ts';
import { approvalsOf } from '../requests/grants.ts';
import { endSessions } from './end-session.ts';
import type { LiveSession } from './live-sessions.ts';
import { decideWish, type Wish } from './session-facts.ts';

export async function reviewSessions(ctx: AuthorityContext): Promise<void> {
  await review(ctx, ctx.sessions.all());
}

/** Somebody who approves was locked or removed: only what stands on approvals is looked at (negative test I7). */
export async function reviewApproved(ctx: AuthorityContext): Promise<void> {
  await review(
    ctx,
    ctx.sessions.all().filter(({ isApproved }) => isApproved),
  );
}

/** A ticket has changed: what was opened for it is looked at (negative test I8). */
export async function reviewTicket(ctx: AuthorityContext, ticket: string): Promise<void> {
  await review(
    ctx,
    ctx.sessions.all().filter((live) => live.ticket === ticket),
  );
}

/** A delegation of this person ended, or a sign-in that some were made with: what was opened for him is looked at. */
export async function reviewDelegated(ctx: AuthorityContext, person: IdentityId): Promise<void> {
  await review(
    ctx,
    ctx.sessions.all().filter(({ behalf }) => behalf?.includes(person) === true),
  );
}

async function review({ whole: ctx }: AuthorityContext, sessions: readonly LiveSession[]): Promise<void> {
  const lost = new Map<EndReason, SessionId[]>();
  for (const live of sessions) {
    const reason = await reasonToEnd(ctx, live);
    if (reason !== undefined) lost.set(reason, [...(lost.get(reason) ?? []), live.id]);
  }
  const by = { kind: 'system', id: 'authority' } as const;
  for (const [reason, ids] of lost) await endSessions(ctx, ids, { reason, by });
}

async function reasonToEnd(ctx: AuthorityContext, live: LiveSession): Promise<EndReason | undefined> {
  const session = (await ctx.store.get('session', live.id))?.value;
  const identity = await ctx.store.get('identity', live.identity);
  const device = await ctx.store.get('device', live.device);
  const service = live.service === undefined ? undefined : await ctx.store.get('service', live.service);
  const isGone = live.service !== undefined && service === undefined;
  if (session === undefined || identity === undefined || device === undefined || isGone) return 'policy';
  const chain = await chainOf(ctx, session);
  if (chain === 'ended') return 'operator_gone';
  const wish: Wish = {
    isLive: true,
    identity: identity.value,
    ...(chain === undefined ? {} : { behalf: chain }),
    device: device.value,
    ...(service === undefined ? {} : { service: service.value }),
    params: paramsOf(session),
    ...(session.sourceIp === undefined ? {} : { sourceIp: session.sourceIp }),
    ...(session.ticket === undefined ? {} : { ticket: session.ticket }),
    ...(session.mfa === undefined ? {} : { mfa: session.mfa }),
    ...(session.totp === undefined ? {} : { totp: session.totp }),
    ...(await approvalsOf(ctx, session)),
  };
  if (decideWish(ctx, wish).outcome === 'allow') return undefined;
  if (decideWish(ctx, { ...wish, inWindow: true }).outcome === 'allow') return 'window';
  if (decideWish(ctx, { ...wish, ticketCounts: true }).outcome === 'allow') return 'ticket';
  const request = session.request === undefined ? undefined : await ctx.store.get('request', session.request);
  const isHeldByApprovals =
    request !== undefined &&
    decideWish(ctx, { ...wish, ...countedAs(request.value.needed) }).outcome === 'allow';
  return isHeldByApprovals ? 'approver' : 'policy';
}

/** For whom a session acts, while that holds. */
export async function chainOf(
  ctx: AuthorityContext,
  { behalf }: Session,
): Promise<readonly Identity[] | 'ended' | undefined> {
  if (behalf === undefined) return undefined;
  const delegation = await ctx.store.get('delegation', behalf.delegation);
  const answer = delegation === undefined ? undefined : await liveChain(ctx, delegation.value);
  return answer?.ok === true ? answer.principals : 'ended';
}

function paramsOf({ user, params }: Session): Session['params'] {
  return user === undefined || params.kind === 'tcp' ? params : { ...params, user };
}
