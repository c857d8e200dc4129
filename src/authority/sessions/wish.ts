// What somebody wishes to do on a target, and whether he may: the first two beats of opening a session, and
// of waiting for a device that is away. "No such target" and "not for you to know" are the same answer.

import type { z } from 'zod';
import type { openSessionBody } from '../../api/sessions.ts';
import { parseParams, userOf, type ChannelParams } from '../../core/channel.ts';
import { actionOf, type Decision } from '../../core/decision.ts';
import { isCovered, type Delegation } from '../../core/delegation.ts';
import { describeHold, type Device } from '../../core/device.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import { printable } from '../../core/printable.ts';
import { isReviewed } from '../../core/service.ts';
import { parseTarget, type Target } from '../../core/target.ts';
import { ticketFaultWords } from '../../core/ticket.ts';
import { deviceCheckOf, neededBy } from '../approvers/device-check.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { requireDelegation } from '../delegations/delegate.ts';
import { liveChain } from '../delegations/live-chain.ts';
import { findGrant, type Grant } from '../requests/grants.ts';
import { countedAs, fewestApprovals } from '../requests/approvals.ts';
import { totpFacts } from '../totp/check.ts';
import { mfaFacts } from './mfa-facts.ts';
import { requireTicketId } from '../tickets/require-ticket.ts';
import { findDestination, noSuchTarget } from './find-destination.ts';
import { paramsForLog } from './params-for-log.ts';
import {
  canDiscover,
  decideWish,
  freshMfa,
  freshTotp,
  lockOn,
  type Destination,
  type MfaFacts,
  type TotpFacts,
  type Wish,
} from './session-facts.ts';

export type Allow = Extract<Decision, { outcome: 'allow' }>;

export interface Wanted {
  readonly caller: Caller;
  readonly identity: Identity;
  readonly target: string;
  readonly parsed: Target;
  /** For a service its destination is put in once the service is found. */
  readonly params: ChannelParams;
  readonly ticket: string | undefined;
  readonly stepUp: string | undefined;
  readonly totp: string | undefined;
  readonly delegation: string | undefined;
}

/** Under a delegation that holds: for whom. */
export interface Acting {
  readonly delegation: Delegation;
  /** The person first. */
  readonly principals: readonly Identity[];
}

/** A wish that policy grants at this moment. */
export interface Granted {
  readonly wanted: Wanted;
  readonly destination: Destination;
  readonly allow: Allow;
  /** An approved request without which policy would say no: the session uses it up. */
  readonly grant?: Grant;
  /** Unix ms: it is allowed for an open maintenance window, which closes then. */
  readonly windowEndsAt?: number;
  /** The passkey's yes that it was decided with. */
  readonly mfa?: MfaFacts;
  readonly totp?: TotpFacts;
  readonly acting?: Acting;
  /** The ticket that was named for it, by the caller or in the grant. */
  readonly ticket?: string;
  /** Unix ms: it is allowed for that ticket, whose change window ends then. */
  readonly ticketEndsAt?: number;
}

type Body = Pick<
  z.infer<typeof openSessionBody>,
  'target' | 'params' | 'ticket' | 'stepUp' | 'totp' | 'delegation'
>;
export type WishBody = Pick<Body, 'target' | 'params'>;

/** Throws SallyportError; a refusal is on the log first. `mfa`: as if that were so. */
export async function decideOn(
  ctx: AuthorityContext,
  caller: Caller,
  body: Body,
  more: { readonly mfa?: MfaFacts } = {},
): Promise<Granted> {
  const asked = readWish(caller, body);
  const acting = await actingFor(ctx, asked);
  const destination = await findTarget(ctx, asked, acting?.principals ?? []);
  const wanted = aimed(asked, destination);
  return { wanted, destination, ...(await decide(ctx, { wanted, destination, acting, assumed: more.mfa })) };
}

/** Throws SallyportError where it cannot be understood. */
export function readWish(caller: Caller, body: Body): Wanted {
  if (caller.identity === undefined) {
    throw new SallyportError('wrong_kind', 'only people, machines and AI agents open sessions');
  }
  const target = parseTarget(body.target);
  if (target === undefined) {
    throw new SallyportError('invalid', `"${printable(body.target)}" is not a target`, {
      next: 'a target is DEVICE or DEVICE/SERVICE, for example "pump-7"',
    });
  }
  const isService = target.service !== undefined;
  if (isService && body.params['kind'] !== 'tcp') {
    throw new SallyportError('invalid', `"${printable(body.target)}" is a service, not a device`, {
      next: `sallyport forward ${printable(body.target)}`,
    });
  }
  // Where a service lies is the broker's word, whatever was sent; until it is found, any place will do.
  const params = parseParams(isService ? { kind: 'tcp', host: 'service', port: 1 } : body.params);
  if (typeof params === 'string') {
    throw new SallyportError('invalid', `the channel parameters are not valid: ${params}`);
  }
  const { ticket, stepUp, totp, delegation } = body;
  if (ticket !== undefined) requireTicketId(ticket);
  return {
    caller,
    identity: caller.identity,
    target: body.target,
    parsed: target,
    params,
    ticket,
    stepUp,
    totp,
    delegation,
  };
}

/** Negative test I15: only by who was let act, for what was delegated, while everybody in the chain is somebody. */
async function actingFor(ctx: AuthorityContext, wanted: Wanted): Promise<Acting | undefined> {
  const { delegation: typed, caller, identity, params } = wanted;
  if (typed === undefined) return undefined;
  const delegation = await requireDelegation(ctx, { ...caller, identity }, typed);
  const refused = async (message: string): Promise<never> =>
    await refuseWish(ctx, wanted, {
      code: 'denied',
      message,
      next: 'the person whom it is for delegates it: sallyport delegate …',
    });
  if (delegation.actor !== identity.id) return await refused('the delegation lets somebody else act');
  const answer = await liveChain(ctx, delegation);
  if (!answer.ok) return await refused(`the delegation does not hold: ${answer.why}`);
  if (!isCovered(delegation, wanted.target, actionOf(params)))
    return await refused(`the delegation is not for ${actionOf(params)} on "${printable(wanted.target)}"`);
  return { delegation, principals: answer.principals };
}

function aimed(wanted: Wanted, { service }: Destination): Wanted {
  return service === undefined
    ? wanted
    : { ...wanted, params: { kind: 'tcp', host: service.host, port: service.port } };
}

async function findTarget(
  ctx: AuthorityContext,
  wanted: Wanted,
  behalf: readonly Identity[],
): Promise<Destination> {
  const { device, destination } = await findDestination(ctx, wanted.parsed);
  if (destination !== undefined && (await mayKnow(ctx, wanted, destination, behalf))) return destination;
  return await refuseWish(ctx, wanted, {
    ...noSuchTarget(wanted.target),
    ...(device === undefined ? {} : { device }),
  });
}

/** Whom policy lets know of it, and who comes with a grant of offline keys for it. */
async function mayKnow(
  ctx: AuthorityContext,
  wanted: Wanted,
  destination: Destination,
  behalf: readonly Identity[],
): Promise<boolean> {
  const { identity, params, caller } = wanted;
  if ([identity, ...behalf].every((one) => canDiscover(ctx, one, destination))) return true;
  if (identity.tenant !== destination.device.tenant) return false;
  const grant = await findGrant(ctx, { identity, params, ...destination }, caller.spki);
  return grant?.counted.breakGlass === true;
}

interface Deciding {
  readonly wanted: Wanted;
  readonly destination: Destination;
  readonly acting: Acting | undefined;
  readonly assumed: MfaFacts | undefined;
}

async function decide(
  ctx: AuthorityContext,
  { wanted, destination, acting, assumed }: Deciding,
): Promise<Omit<Granted, 'wanted' | 'destination'>> {
  const { device, service } = destination;
  if (service !== undefined && !isReviewed(service, ctx.clock.now())) {
    return await refuseWish(ctx, wanted, {
      code: 'denied',
      message: `"${wanted.target}" was to be reviewed by ${new Date(service.reviewBy).toISOString().slice(0, 10)}, and was not`,
      next: 'its owner reviews it, then: sallyport services add … --review DATE',
      device,
    });
  }
  const refuseLocked = async (ticket: string | undefined): Promise<void> => {
    const behalf = acting?.principals ?? [];
    const lock = lockOn(ctx, wanted.identity, destination, { behalf, ticket, cnf: wanted.caller.spki });
    if (lock === undefined) return;
    await refuseWish(ctx, wanted, {
      code: 'locked',
      message: `"${wanted.target}" is locked: ${printable(lock.reason)}`,
      next: `an administrator can lift the lock: sallyport unlock ${lock.id}`,
      device,
    });
  };
  await refuseLocked(wanted.ticket);
  await ctx.lookUps.refresh(ctx, wanted.ticket, wanted.identity);
  if (device.hold !== undefined) {
    return await refuseWish(ctx, wanted, {
      code: 'not_accepted',
      message: `"${device.name}" ${describeHold(device.hold)}`,
      next: `an administrator looks into it, then: sallyport devices accept ${device.name}`,
      device,
    });
  }
  const { identity, params, caller } = wanted;
  const mfa = assumed ?? (await mfaFacts(ctx, { identity, spki: caller.spki }, wanted));
  const totp = await totpFacts(ctx, caller, { identity, code: wanted.totp });
  const wish: Wish = {
    identity,
    params,
    sourceIp: caller.sourceIp,
    ...(mfa === undefined ? {} : { mfa }),
    ...(totp === undefined ? {} : { totp }),
    ...(acting === undefined ? {} : { behalf: acting.principals }),
    ...(wanted.ticket === undefined ? {} : { ticket: wanted.ticket }),
    ...destination,
  };
  const { decision, grant, lacksMfa } = await decideWithGrant(ctx, wish, caller.spki);
  const check = grant === undefined ? await deviceCheckOf(ctx, device) : undefined;
  if (decision.outcome === 'allow' && check !== undefined) {
    return await refuseWish(ctx, wanted, {
      ...approvalWords(wanted, neededBy(check)),
      message: `"${device.name}" looks at approvals itself: to ${actionOf(params)} on "${wanted.target}" you need ${countOf(neededBy(check))}`,
      device,
      decision,
    });
  }
  if (decision.outcome === 'allow') {
    const named = decision.obligations.user;
    // Who one is on the device is policy's word: a name that only the caller brings is no right to it.
    const own = userOf(params);
    if (own === undefined || own === named) {
      const granted = withGrant(wish, grant);
      if (granted.ticket !== wanted.ticket) await refuseLocked(granted.ticket);
      const windowEndsAt = windowBehind(ctx, granted);
      const ticketEndsAt = ticketBehind(ctx, granted);
      return {
        allow: decision,
        ...(grant === undefined ? {} : { grant }),
        ...(mfa === undefined ? {} : { mfa }),
        ...(totp === undefined ? {} : { totp }),
        ...(acting === undefined ? {} : { acting }),
        ...(windowEndsAt === undefined ? {} : { windowEndsAt }),
        ...(granted.ticket === undefined ? {} : { ticket: granted.ticket }),
        ...(ticketEndsAt === undefined ? {} : { ticketEndsAt }),
      };
    }
    return await refuseWish(ctx, wanted, {
      code: 'denied',
      message:
        named === undefined
          ? `no policy names the user "${own}" on "${wanted.target}"`
          : `policy lets you be "${named}" on "${wanted.target}", not "${own}"`,
      next: 'leave --user away',
      device,
      decision,
    });
  }
  if (lacksMfa !== 'no') {
    const words = lacksMfa === 'passkey' ? mfaWords(ctx, wanted) : await totpWords(ctx, wanted);
    return await refuseWish(ctx, wanted, { ...words, device, decision });
  }
  const approvals = approvalsMissing(ctx, wish, decision);
  if (approvals !== undefined) {
    return await refuseWish(ctx, wanted, {
      ...approvalWords(wanted, Math.max(approvals, neededBy(check))),
      device,
      decision,
    });
  }
  return await refuseWish(ctx, wanted, {
    code: 'denied',
    message: `policy does not let you ${actionOf(params)} on "${wanted.target}"`,
    next:
      decision.help.length > 0
        ? (nextTicket(ctx, wish) ?? nextWindow(ctx, wish))
        : 'an administrator can grant it in a policy: docs/policy.md has examples',
    help: decision.help,
    device,
    decision,
  });
}

/** Policy's word; where that is no, once more with a grant that the caller holds for it. */
async function decideWithGrant(
  ctx: AuthorityContext,
  wish: Wish,
  cnf: string,
): Promise<{ readonly decision: Decision; readonly grant?: Grant; readonly lacksMfa: Lacking }> {
  const decision = decideWish(ctx, wish);
  // Where the device looks at approvals itself there is no way in without one, whatever policy says.
  const needsGrant = decision.outcome !== 'allow' || wish.device.approvals !== undefined;
  const grant = needsGrant ? await findGrant(ctx, wish, cnf) : undefined;
  if (grant === undefined) return { decision, lacksMfa: whatIsMissing(ctx, wish, decision) };
  const held = withGrant(wish, grant);
  if (held.ticket !== wish.ticket) await ctx.lookUps.refresh(ctx, held.ticket, wish.identity);
  const granted = decideWish(ctx, held);
  if (granted.outcome === 'allow') return { decision: granted, grant, lacksMfa: 'no' };
  const lacksMfa = whatIsMissing(ctx, held, granted);
  return lacksMfa === 'no'
    ? { decision, lacksMfa: whatIsMissing(ctx, wish, decision) }
    : { decision: granted, lacksMfa };
}

/** What alone is missing for a yes: the own passkey's, or a code, where that will do. */
type Lacking = 'no' | 'passkey' | 'code';

function whatIsMissing(ctx: AuthorityContext, wish: Wish, decision: Decision): Lacking {
  if (decision.outcome !== 'deny' || decision.help.length === 0) return 'no';
  if (decideWish(ctx, { ...wish, totp: freshTotp }).outcome === 'allow') return 'code';
  return decideWish(ctx, { ...wish, mfa: freshMfa }).outcome === 'allow' ? 'passkey' : 'no';
}

/** What was asked for named a ticket, too; one that is named now is another piece of work. */
function withGrant(wish: Wish, grant: Grant | undefined): Wish {
  if (grant === undefined) return { ...wish, ...countedAs(0) };
  const ticket = wish.ticket ?? grant.request.value.ticket;
  return { ...wish, ...grant.counted, ...(ticket === undefined ? {} : { ticket }) };
}

/** When the ticket's change window ends that policy's yes stands on; undefined where it would be yes without. */
function ticketBehind(ctx: AuthorityContext, wish: Wish): number | undefined {
  const { ticket } = wish;
  if (ticket === undefined || decideWish(ctx, { ...wish, ticketCounts: false }).outcome === 'allow')
    return undefined;
  return ctx.tickets.get(ticket)?.until;
}

/** In words, where the ticket that was named would help and does not count: why not. */
function nextTicket(ctx: AuthorityContext, wish: Wish): string | undefined {
  const { ticket } = wish;
  const fault = ticket === undefined ? undefined : ctx.tickets.faultOf(ticket, wish);
  if (ticket === undefined || fault === undefined) return undefined;
  if (fault === 'unconfirmed')
    return `"${printable(ticket)}" ${ticketFaultWords[fault]}; try again in a minute`;
  if (decideWish(ctx, { ...wish, ticketCounts: true }).outcome !== 'allow') return undefined;
  return `"${printable(ticket)}" ${ticketFaultWords[fault]}: name a ticket that is open, names "${wish.device.name}", and is in its change window`;
}

/** When the window closes that policy's yes stands on; undefined where it would be yes without one. */
function windowBehind(ctx: AuthorityContext, wish: Wish): number | undefined {
  const state = ctx.windows.stateFor(wish.device);
  if (!state.isOpen || decideWish(ctx, { ...wish, inWindow: false }).outcome === 'allow') return undefined;
  return state.endsAt;
}

/** In words, where a window would help: when it opens. */
function nextWindow(ctx: AuthorityContext, wish: Wish): string | undefined {
  const state = ctx.windows.stateFor(wish.device);
  if (state.isOpen || decideWish(ctx, { ...wish, inWindow: true }).outcome !== 'allow') return undefined;
  return state.opensAt === undefined
    ? 'no maintenance window is set for it: an administrator adds one with "sallyport windows add"'
    : `wait for its maintenance window, which opens at ${new Date(state.opensAt).toISOString()}`;
}

function mfaWords(ctx: AuthorityContext, { identity, target, params }: Wanted) {
  const what = `to ${actionOf(params)} on "${target}" your passkey has to say yes`;
  if (identity.kind !== 'human') {
    const message = `policy wants a person's passkey to ${actionOf(params)} on "${target}", and "${identity.name}" is none`;
    return {
      code: 'denied',
      message,
      next: 'a policy for it without @mfa is for an administrator to write',
    } as const;
  }
  return ctx.broker.console === undefined
    ? ({
        code: 'denied',
        message: what,
        next: 'this broker has no console for passkeys: docs/console.md',
      } as const)
    : ({
        code: 'mfa_required',
        message: what,
        next: 'type it in a terminal: it shows where to say yes',
      } as const);
}

/** Whoever has no authenticator app here says yes by a passkey, where there is a console for that. */
async function totpWords(ctx: AuthorityContext, wanted: Wanted) {
  const { identity, target, params } = wanted;
  const has = (await ctx.store.get('totp', identity.id)) !== undefined;
  if (!has && (ctx.broker.console !== undefined || identity.kind !== 'human')) return mfaWords(ctx, wanted);
  const message = `to ${actionOf(params)} on "${target}" a code of your authenticator app is asked for`;
  return has
    ? ({ code: 'totp_required', message, next: 'type it in a terminal: it asks for the code' } as const)
    : ({
        code: 'denied',
        message,
        next: 'sign in anew, then within 15 minutes: sallyport totp add',
      } as const);
}

function approvalWords({ target, params }: Wanted, count: number) {
  return {
    code: 'approval_required',
    message: `to ${actionOf(params)} on "${target}" you need ${countOf(count)}`,
    next: `ask for it: sallyport request ${target} --for 30m --reason "…"`,
  } as const;
}

function countOf(approvals: number): string {
  return approvals === 1 ? 'an approval' : `${approvals} approvals`;
}

/** How many approvals alone would help; undefined: none, or something else is missing too. */
function approvalsMissing(ctx: AuthorityContext, wish: Wish, decision: Decision): number | undefined {
  if (decision.outcome === 'allow' || decision.help.length === 0) return undefined;
  // His own passkey is asked for when it opens: the approvals are what takes time.
  return fewestApprovals(
    (approvals) => decideWish(ctx, { ...wish, ...countedAs(approvals), mfa: freshMfa }).outcome === 'allow',
  );
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next: string | undefined;
  readonly help?: readonly string[];
  readonly device?: Device;
  readonly decision?: Decision;
}

export async function refuseWish(ctx: AuthorityContext, wanted: Wanted, refusal: Refusal): Promise<never> {
  const event: EventDraft = {
    type: 'session.denied',
    actor: { kind: wanted.identity.kind, id: wanted.identity.id },
    outcome: 'denied',
    code: refusal.code,
    identity: wanted.identity.id,
    ...(refusal.device === undefined ? {} : { device: refusal.device.id }),
    ...(refusal.decision?.revision === undefined ? {} : { policy: refusal.decision.revision }),
    ...(refusal.decision === undefined ? {} : { policies: refusal.decision.policies }),
    body: {
      name: wanted.identity.name,
      target: wanted.target,
      kind: wanted.params.kind,
      ...(wanted.ticket === undefined ? {} : { ticket: wanted.ticket }),
      sourceIp: wanted.caller.sourceIp,
      ...paramsForLog(wanted.params),
      ...(refusal.decision?.outcome === 'deny' ? { why: refusal.decision.code } : {}),
    },
  };
  await ctx.store.commit({ changes: [], events: [event] });
  throw new SallyportError(refusal.code, refusal.message, {
    ...(refusal.next === undefined ? {} : { next: refusal.next }),
    ...(refusal.help === undefined ? {} : { help: refusal.help }),
  });
}
