// Facts about a person's wish, gathered the same way for opening, for each channel and for review: the
// questions that policy is asked, its answer to all of them, and the lock that may stand in the way.

import { userOf, type ChannelParams } from '../../core/channel.ts';
import { actionOf, type Decision, type Question } from '../../core/decision.ts';
import type { Device } from '../../core/device.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { asSubject, type Lock } from '../../core/lock.ts';
import type { Service } from '../../core/service.ts';
import type { AuthorityContext } from '../context.ts';
import { strictestMfa } from '../policy/obligations.ts';

/** What is wanted from: a device itself, or one of its services. */
export interface Destination {
  readonly device: Device;
  readonly service?: Service;
}

export interface Wish extends Destination {
  readonly identity: Identity;
  readonly params: ChannelParams;
  readonly sourceIp?: string;
  /** Persons whose approval counts at this moment. */
  readonly approvals?: number;
  /** Of those, given by a passkey. */
  readonly passkeyApprovals?: number;
  /** The passkey's yes of who wishes; a session's is the one that it was opened with. */
  readonly mfa?: MfaFacts;
  /** The code that he gave; a session's is the one that it was opened with. */
  readonly totp?: TotpFacts;
  /** For whom he acts: each of them has to be allowed it, too. */
  readonly behalf?: readonly Identity[];
  /** Offline keys stand in for every permit; what forbids, forbids. */
  readonly breakGlass?: true;
  /** As if it were so; default: as it is. */
  readonly inWindow?: boolean;
  /** Whatever was named: policy hears of it only where it counts. */
  readonly ticket?: string;
  /** As if it were so; default: as it is. */
  readonly ticketCounts?: boolean;
  /** What is open is asked about again: a ticket's system may be silent for a while. */
  readonly isLive?: true;
}

/** How old the newest yes of an own passkey is, and whether it is to exactly this wish. */
export interface MfaFacts {
  readonly ageMs: number;
  readonly isForThis: boolean;
  readonly passkey: string;
}

/** As if it were there. */
export interface TotpFacts {
  readonly ageMs: number;
  readonly isForThis: boolean;
}

export const freshTotp: TotpFacts = { ageMs: 0, isForThis: true };

export const freshMfa: MfaFacts = { ageMs: 0, isForThis: true, passkey: '' };

type Allow = Extract<Decision, { outcome: 'allow' }>;

interface Moment {
  readonly now: number;
  readonly inWindow: boolean;
  readonly ticket: string | undefined;
}

/** One question a path for files, else one; for each of those who wish it. */
export function questionsOf(wish: Wish, { now, inWindow, ticket }: Moment): readonly Question[] {
  const { params } = wish;
  const user = userOf(params);
  const [person] = wish.behalf ?? [];
  const common: Question = {
    principal: wish.identity,
    action: actionOf(params),
    device: wish.device,
    ...(wish.service === undefined ? {} : { service: wish.service }),
    context: {
      now,
      inWindow,
      ...(ticket === undefined ? {} : { ticket }),
      ...(wish.sourceIp === undefined ? {} : { sourceIp: wish.sourceIp }),
      ...(user === undefined ? {} : { user }),
      ...(wish.approvals === undefined ? {} : { approvals: wish.approvals }),
      ...(wish.passkeyApprovals === undefined ? {} : { passkeyApprovals: wish.passkeyApprovals }),
      ...(wish.mfa === undefined ? {} : { mfaAgeMs: wish.mfa.ageMs, mfaIsForThis: wish.mfa.isForThis }),
      ...(wish.totp === undefined ? {} : { totpAgeMs: wish.totp.ageMs, totpIsForThis: wish.totp.isForThis }),
      ...(person === undefined ? {} : { onBehalfOf: person.name }),
      ...(params.kind === 'exec' ? { argv: params.argv } : {}),
      ...(params.kind === 'tcp' ? { host: params.host, port: params.port } : {}),
    },
  };
  const each = [common, ...(wish.behalf ?? []).map((principal) => ({ ...common, principal }))];
  if (params.kind !== 'files') return each;
  return each.flatMap((question) =>
    params.roots.map((path) => ({ ...question, context: { ...question.context, path } })),
  );
}

/** Yes only when every question gets one; then the strictest of all obligations. */
export function decideWish(ctx: AuthorityContext, wish: Wish): Decision {
  let all: Allow | undefined;
  const inWindow = wish.inWindow ?? ctx.windows.stateFor(wish.device).isOpen;
  const ticket = countingTicket(ctx, wish);
  for (const question of questionsOf(wish, { now: ctx.clock.now(), inWindow, ticket })) {
    const said = ctx.policy.decide(question);
    const decision = wish.breakGlass === true ? overruled(said) : said;
    if (decision.outcome === 'deny') return decision;
    const joined = all === undefined ? decision : join(all, decision);
    if (joined === undefined) {
      return {
        outcome: 'deny',
        revision: decision.revision,
        policies: decision.policies,
        code: 'obligation_conflict',
        help: [],
      };
    }
    all = joined;
  }
  // A wish asks at least one question: parseParams takes no files channel without a path.
  return all ?? { outcome: 'deny', revision: undefined, policies: [], code: 'not_permitted', help: [] };
}

/** Of refusals, those that say only that nobody permitted it. */
const overruledCodes: ReadonlySet<string> = new Set(['not_permitted', 'not_approved', 'not_fresh']);

function overruled(decision: Decision): Decision {
  if (decision.outcome === 'allow' || decision.revision === undefined) return decision;
  if (!overruledCodes.has(decision.code)) return decision;
  const obligations = { maxSessionMs: limits.breakGlassMaxMs, idleMs: limits.idleDefaultMs };
  return { outcome: 'allow', revision: decision.revision, policies: [], obligations };
}

function countingTicket(ctx: AuthorityContext, wish: Wish): string | undefined {
  const { ticket } = wish;
  if (ticket === undefined) return undefined;
  return (wish.ticketCounts ?? ctx.tickets.faultOf(ticket, wish, wish.isLive) === undefined)
    ? ticket
    : undefined;
}

/** Undefined when the two name different OS users. */
function join(one: Allow, other: Allow): Allow | undefined {
  if (one.obligations.user !== other.obligations.user) return undefined;
  const approvers = Math.max(one.obligations.approvers ?? 0, other.obligations.approvers ?? 0);
  const approvedBy = one.obligations.approvedBy ?? other.obligations.approvedBy;
  const { mfaMs: _mfaMs, mfaBy: _mfaBy, ...rest } = one.obligations;
  return {
    ...one,
    policies: [...new Set([...one.policies, ...other.policies])],
    obligations: {
      ...rest,
      maxSessionMs: Math.min(one.obligations.maxSessionMs, other.obligations.maxSessionMs),
      idleMs: Math.min(one.obligations.idleMs, other.obligations.idleMs),
      ...(approvers === 0 ? {} : { approvers }),
      ...(approvedBy === undefined ? {} : { approvedBy }),
      ...strictestMfa([one.obligations, other.obligations]),
    },
  };
}

export function lockOn(
  ctx: AuthorityContext,
  identity: Identity,
  { device, service }: Destination,
  {
    behalf = [],
    ticket,
    cnf,
  }: {
    readonly behalf?: readonly Identity[];
    readonly ticket?: string | undefined;
    /** Of the key that asks, where somebody does. */
    readonly cnf?: string | undefined;
  } = {},
): Lock | undefined {
  return ctx.locks.find({
    ...asSubject(identity),
    credential: cnf,
    behalf: behalf.map(({ id }) => id),
    ticket,
    device: device.id,
    service: service?.id,
  });
}

export function canDiscover(
  ctx: AuthorityContext,
  identity: Identity,
  { device, service }: Destination,
): boolean {
  if (identity.tenant !== device.tenant) return false;
  const question = {
    action: 'discover',
    device,
    ...(service === undefined ? {} : { service }),
    context: { now: ctx.clock.now() },
  } as const;
  return ctx.policy.whoCan(question, [identity]).length === 1;
}
