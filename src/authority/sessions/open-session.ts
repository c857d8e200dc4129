// Use-case: open a session. The one place where a person's wish becomes a right that devices honour:
// gather and decide (wish.ts), record, act. Whether a device is online is told only to those whom policy
// has let in.

import type { z } from 'zod';
import type { openSessionBody, SessionOpened } from '../../api/sessions.ts';
import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Session } from '../../core/session-record.ts';
import { step, type SessionLife } from '../../core/session.ts';
import { stepRequest } from '../../core/request.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';
import type { Grant } from '../requests/grants.ts';
import { StoreConflict, type Change } from '../store/store.ts';
import { endSession } from './end-session.ts';
import { paramsForLog } from './params-for-log.ts';
import { lockOn } from './session-facts.ts';
import { viewSession } from './session-view.ts';
import { reviewDelegated, reviewTicket } from './review-sessions.ts';
import { decideOn, refuseWish, type Allow, type Granted, type Wanted } from './wish.ts';

type Body = z.infer<typeof openSessionBody>;

export async function openSession(ctx: AuthorityContext, caller: Caller, body: Body): Promise<SessionOpened> {
  try {
    return await open(ctx, caller, body);
  } catch (error) {
    // Another session used the grant up at the same instant: decided anew, without it.
    if (!(error instanceof StoreConflict)) throw error;
    return await open(ctx, caller, body);
  }
}

async function open(ctx: AuthorityContext, caller: Caller, body: Body): Promise<SessionOpened> {
  const granted = await decideOn(ctx, caller, body);
  const { wanted, destination, allow, grant } = granted;
  const { device } = destination;
  const link = await requireLink(ctx, wanted, device);
  const leavePlace = await takePlace(ctx, wanted, device);
  const session = newSession(ctx, { ...granted, link, forMs: body.forMs });

  try {
    useStepUp(ctx, granted);
    await ctx.store.commit({
      changes: [
        { put: 'session', value: session, rev: 0 },
        ...(grant === undefined ? [] : [usedUp(grant, session)]),
      ],
      events: [
        decided(wanted, device, allow),
        ...(grant === undefined ? [] : [used(grant, session, wanted)]),
        issued(session, wanted),
      ],
    });
    ctx.sessions.add(session, wanted.identity);
  } finally {
    leavePlace();
  }
  link.sessions.add(session.id);
  await endIfOvertaken(ctx, session, granted);
  // It may have been closed while the commit was under way.
  const { ticket } = session;
  if (ticket !== undefined && ctx.tickets.faultOf(ticket, destination) !== undefined)
    await reviewTicket(ctx, ticket);
  return {
    session: await viewSession(ctx, session),
    linkNonce: link.linkNonce,
    ...(session.params.kind === 'tcp'
      ? { destination: { host: session.params.host, port: session.params.port } }
      : {}),
    ...(allow.obligations.user === undefined ? {} : { user: allow.obligations.user }),
    ...(allow.obligations.banner === undefined ? {} : { banner: allow.obligations.banner }),
  };
}

async function requireLink(ctx: AuthorityContext, wanted: Wanted, device: Device): Promise<LiveLink> {
  const link = ctx.gates.linkOf(device.id);
  if (link !== undefined && ctx.gates.isConnected(link.gate)) return link;
  return await refuseWish(ctx, wanted, {
    code: 'device_offline',
    message: `"${device.name}" has no link to the broker now`,
    next: 'on the device: "sallyport agent status"',
    device,
  });
}

async function takePlace(ctx: AuthorityContext, wanted: Wanted, device: Device): Promise<() => void> {
  return (
    ctx.sessions.takePlace(wanted.identity.id) ??
    (await refuseWish(ctx, wanted, {
      code: 'rate_limited',
      message: `you already have ${limits.sessionsPerIdentityMax} live sessions`,
      next: 'end some: sallyport sessions ls',
      device,
    }))
  );
}

interface NewSession extends Granted {
  readonly link: LiveLink;
  readonly forMs: number | undefined;
}

function newSession(ctx: AuthorityContext, facts: NewSession): Session {
  const {
    wanted,
    destination,
    allow,
    grant,
    mfa,
    totp,
    acting,
    windowEndsAt,
    ticket,
    ticketEndsAt,
    link,
    forMs,
  } = facts;
  const now = ctx.clock.now();
  const { obligations } = allow;
  const { device, service } = destination;
  const user = wanted.params.kind === 'tcp' ? undefined : (obligations.user ?? wanted.params.user);
  let life: SessionLife = { state: 'requested' };
  life = step(life, { type: 'approve' }, now);
  life = step(life, { type: 'issue' }, now);
  const lifeMs = Math.min(
    obligations.maxSessionMs,
    limits.sessionMaxMs,
    forMs ?? Number.POSITIVE_INFINITY,
    grant?.request.value.forMs ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...life,
    id: newId('ses', ctx.random.bytes(16)),
    tenant: device.tenant,
    identity: wanted.identity.id,
    ...(wanted.identity.vendor === undefined ? {} : { vendor: wanted.identity.vendor }),
    device: device.id,
    ...(service === undefined ? {} : { service: service.id }),
    kind: wanted.params.kind,
    target: wanted.target,
    cnf: wanted.caller.spki,
    link: link.id,
    linkNonce: link.linkNonce,
    gate: link.gate,
    policy: allow.revision,
    policies: allow.policies,
    ...(user === undefined ? {} : { user }),
    params: wanted.params,
    ...(grant === undefined ? {} : { request: grant.request.value.id }),
    sourceIp: wanted.caller.sourceIp,
    idleMs: obligations.idleMs,
    createdAt: now,
    // A forward waits for somebody to connect to it: that is idle time, not a start that failed.
    startBy:
      now +
      (wanted.params.kind === 'tcp'
        ? Math.max(limits.startWithinMs, obligations.idleMs)
        : limits.startWithinMs),
    mustEndAt: Math.min(
      now + lifeMs,
      wanted.caller.notAfter,
      wanted.identity.expiresAt ?? Number.POSITIVE_INFINITY,
      windowEndsAt ?? Number.POSITIVE_INFINITY,
      ticketEndsAt ?? Number.POSITIVE_INFINITY,
      acting?.delegation.expiresAt ?? Number.POSITIVE_INFINITY,
    ),
    ...(mfa === undefined ? {} : { mfa }),
    ...(totp === undefined ? {} : { totp }),
    ...(acting === undefined
      ? {}
      : { behalf: { delegation: acting.delegation.id, chain: acting.delegation.chain } }),
    ...(ticket === undefined ? {} : { ticket }),
    ...(ticketEndsAt === undefined ? {} : { ticketEndsAt }),
    ...(windowEndsAt === undefined ? {} : { windowEndsAt }),
    channels: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
}

/** A passkey's yes to exactly this is good for one session (negative test I1). */
function useStepUp(ctx: AuthorityContext, { wanted, mfa }: Granted): void {
  if (mfa?.isForThis !== true || wanted.stepUp === undefined) return;
  if (ctx.stepUps.use(wanted.stepUp)) return;
  throw new SallyportError('mfa_required', `your passkey's yes to "${wanted.target}" was used already`, {
    next: 'try again: it asks for another',
  });
}

/** What changed while the commit was under way: the session that was just written ends again. */
async function endIfOvertaken(
  ctx: AuthorityContext,
  session: Session,
  { wanted, destination, acting }: Granted,
): Promise<void> {
  const lock = lockOn(ctx, wanted.identity, destination, {
    behalf: acting?.principals ?? [],
    ticket: session.ticket,
    cnf: session.cnf,
  });
  if (acting !== undefined) await reviewDelegated(ctx, acting.delegation.chain[0]);
  const device = (await ctx.store.get('device', session.device))?.value;
  const isKnown = device !== undefined && (await ctx.store.get('identity', session.identity)) !== undefined;
  const isLinked = ctx.gates.link(session.link) !== undefined;
  const isHeld = device?.hold !== undefined;
  if (lock === undefined && isKnown && isLinked && !isHeld) return;
  const reason = lock !== undefined || isHeld ? 'lock' : isKnown ? 'device_gone' : 'policy';
  await endSession(ctx, { session: session.id, reason, by: { kind: 'system', id: 'authority' } });
  if (lock !== undefined) {
    throw new SallyportError('locked', `"${wanted.target}" is locked: ${printable(lock.reason)}`);
  }
  throw new SallyportError('device_offline', `"${destination.device.name}" lost its link just now`, {
    next: 'try again',
  });
}

/** Negative test I6: what was approved opens one session. */
function usedUp({ request: { value, rev } }: Grant, { id }: Session): Change {
  const state = stepRequest(value.state, 'use');
  if (state === undefined) throw new StoreConflict('request', value.id);
  return { put: 'request', value: { ...value, state, session: id }, rev };
}

function used({ request, counted }: Grant, session: Session, { identity }: Wanted): EventDraft {
  return {
    type: 'request.used',
    actor: { kind: identity.kind, id: identity.id },
    outcome: 'success',
    identity: session.identity,
    device: session.device,
    session: session.id,
    request: request.value.id,
    body: {
      name: identity.name,
      target: session.target,
      ...counted,
      approvedBy: request.value.approvals.map(({ by }) => by),
    },
  };
}

function decided(wanted: Wanted, device: Device, allow: Allow): EventDraft {
  return {
    type: 'policy.decided',
    actor: { kind: wanted.identity.kind, id: wanted.identity.id },
    outcome: 'success',
    identity: wanted.identity.id,
    device: device.id,
    policy: allow.revision,
    policies: allow.policies,
    body: { action: wanted.params.kind, target: wanted.target },
  };
}

function issued(session: Session, wanted: Wanted): EventDraft {
  return {
    type: 'session.issued',
    actor: { kind: wanted.identity.kind, id: wanted.identity.id },
    outcome: 'success',
    identity: session.identity,
    device: session.device,
    session: session.id,
    link: session.link,
    policy: session.policy,
    policies: session.policies,
    body: {
      name: wanted.identity.name,
      target: session.target,
      kind: session.kind,
      sourceIp: wanted.caller.sourceIp,
      certificate: wanted.caller.serial,
      mustEndAt: new Date(session.mustEndAt).toISOString(),
      ...(session.user === undefined ? {} : { user: session.user }),
      ...(session.behalf === undefined
        ? {}
        : { delegation: session.behalf.delegation, behalf: [...session.behalf.chain] }),
      ...(session.mfa === undefined ? {} : { mfa: { ...session.mfa } }),
      ...(session.totp === undefined ? {} : { totp: { ...session.totp } }),
      ...(session.vendor === undefined ? {} : { vendor: session.vendor }),
      ...(session.ticket === undefined ? {} : { ticket: session.ticket }),
      ...paramsForLog(session.params),
    },
  };
}
