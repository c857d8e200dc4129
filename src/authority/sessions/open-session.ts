// Use-case: open a session. The one place where a person's wish becomes a right that devices honour:
// gather, decide, record, act. "No such target" and "not for you to know" are the same answer; whether a
// device is online is told only to those whom policy has let in.

import type { SessionOpened } from '../../api/sessions.ts';
import type { z } from 'zod';
import type { openSessionBody } from '../../api/sessions.ts';
import { parseParams, userOf, type ChannelParams } from '../../core/channel.ts';
import { actionOf, type Decision } from '../../core/decision.ts';
import { describeHold, type Device } from '../../core/device.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Session } from '../../core/session-record.ts';
import { step, type SessionLife } from '../../core/session.ts';
import { parseTarget, type Target } from '../../core/target.ts';
import { isReviewed } from '../../core/service.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';
import { endSession } from './end-session.ts';
import { canDiscover, decideWish, lockOn, type Destination } from './session-facts.ts';
import { findService } from './find-service.ts';
import { paramsForLog } from './params-for-log.ts';
import { viewSession } from './session-view.ts';

type Body = z.infer<typeof openSessionBody>;
type Allow = Extract<Decision, { outcome: 'allow' }>;

interface Wanted {
  readonly caller: Caller;
  readonly identity: Identity;
  readonly target: string;
  readonly parsed: Target;
  /** For a service its destination is put in once the service is found. */
  readonly params: ChannelParams;
}

export async function openSession(ctx: AuthorityContext, caller: Caller, body: Body): Promise<SessionOpened> {
  const asked = readWish(caller, body);
  const destination = await findTarget(ctx, asked);
  const { device } = destination;
  const wanted = aimed(asked, destination);
  const allow = await decide(ctx, wanted, destination);
  const link = await requireLink(ctx, wanted, device);
  const leavePlace = await takePlace(ctx, wanted, device);
  const session = newSession(ctx, { wanted, destination, allow, link, forMs: body.forMs });

  try {
    await ctx.store.commit({
      changes: [{ put: 'session', value: session, rev: 0 }],
      events: [decided(wanted, device, allow), issued(session, wanted)],
    });
    ctx.sessions.add(session, wanted.identity.owner);
  } finally {
    leavePlace();
  }
  link.sessions.add(session.id);
  await endIfOvertaken(ctx, session, wanted, destination);
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

function readWish(caller: Caller, body: Body): Wanted {
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
  return { caller, identity: caller.identity, target: body.target, parsed: target, params };
}

function aimed(wanted: Wanted, { service }: Destination): Wanted {
  return service === undefined
    ? wanted
    : { ...wanted, params: { kind: 'tcp', host: service.host, port: service.port } };
}

async function findTarget(ctx: AuthorityContext, wanted: Wanted): Promise<Destination> {
  const { parsed } = wanted;
  const device = (await ctx.store.find('device', { name: parsed.device }))?.value;
  const service =
    device === undefined || parsed.service === undefined
      ? undefined
      : await findService(ctx, device, parsed.service);
  const destination =
    device === undefined ? undefined : { device, ...(service === undefined ? {} : { service }) };
  const isThere = destination !== undefined && (parsed.service === undefined || service !== undefined);
  if (isThere && canDiscover(ctx, wanted.identity, destination)) return destination;
  return await refuse(ctx, wanted, {
    code: 'not_found',
    message: `there is no target "${wanted.target}" that you may see`,
    next: '"sallyport devices ls" lists the ones you may; a policy must let you discover it',
    ...(device === undefined ? {} : { device }),
  });
}

async function decide(ctx: AuthorityContext, wanted: Wanted, destination: Destination): Promise<Allow> {
  const { device, service } = destination;
  if (service !== undefined && !isReviewed(service, ctx.clock.now())) {
    return await refuse(ctx, wanted, {
      code: 'denied',
      message: `"${wanted.target}" was to be reviewed by ${new Date(service.reviewBy).toISOString().slice(0, 10)}, and was not`,
      next: 'its owner reviews it, then: sallyport services add … --review DATE',
      device,
    });
  }
  const lock = lockOn(ctx, wanted.identity, destination);
  if (lock !== undefined) {
    return await refuse(ctx, wanted, {
      code: 'locked',
      message: `"${wanted.target}" is locked: ${printable(lock.reason)}`,
      next: `an administrator can lift the lock: sallyport unlock ${lock.id}`,
      device,
    });
  }
  if (device.hold !== undefined) {
    return await refuse(ctx, wanted, {
      code: 'not_accepted',
      message: `"${device.name}" ${describeHold(device.hold)}`,
      next: `an administrator looks into it, then: sallyport devices accept ${device.name}`,
      device,
    });
  }
  const { identity, params, caller } = wanted;
  const decision = decideWish(ctx, { identity, params, sourceIp: caller.sourceIp, ...destination });
  if (decision.outcome === 'allow') {
    const named = decision.obligations.user;
    // Who one is on the device is policy's word: a name that only the caller brings is no right to it.
    const own = userOf(params);
    if (own === undefined || own === named) return decision;
    return await refuse(ctx, wanted, {
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
  return await refuse(ctx, wanted, {
    code: 'denied',
    message: `policy does not let you ${actionOf(params)} on "${wanted.target}"`,
    next:
      decision.help.length > 0
        ? undefined
        : 'an administrator can grant it in a policy: docs/policy.md has examples',
    help: decision.help,
    device,
    decision,
  });
}

async function requireLink(ctx: AuthorityContext, wanted: Wanted, device: Device): Promise<LiveLink> {
  const link = ctx.gates.linkOf(device.id);
  if (link !== undefined && ctx.gates.isConnected(link.gate)) return link;
  return await refuse(ctx, wanted, {
    code: 'device_offline',
    message: `"${device.name}" has no link to the broker now`,
    next: 'on the device: "sallyport agent status"',
    device,
  });
}

async function takePlace(ctx: AuthorityContext, wanted: Wanted, device: Device): Promise<() => void> {
  return (
    ctx.sessions.takePlace(wanted.identity.id) ??
    (await refuse(ctx, wanted, {
      code: 'rate_limited',
      message: `you already have ${limits.sessionsPerIdentityMax} live sessions`,
      next: 'end some: sallyport sessions ls',
      device,
    }))
  );
}

interface NewSession {
  readonly wanted: Wanted;
  readonly destination: Destination;
  readonly allow: Allow;
  readonly link: LiveLink;
  readonly forMs: number | undefined;
}

function newSession(ctx: AuthorityContext, { wanted, destination, allow, link, forMs }: NewSession): Session {
  const now = ctx.clock.now();
  const { obligations } = allow;
  const { device, service } = destination;
  const user = wanted.params.kind === 'tcp' ? undefined : (obligations.user ?? wanted.params.user);
  let life: SessionLife = { state: 'requested' };
  life = step(life, { type: 'approve' }, now);
  life = step(life, { type: 'issue' }, now);
  const lifeMs = Math.min(obligations.maxSessionMs, limits.sessionMaxMs, forMs ?? Number.POSITIVE_INFINITY);
  return {
    ...life,
    id: newId('ses', ctx.random.bytes(16)),
    identity: wanted.identity.id,
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
    ),
    channels: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
}

/** What changed while the commit was under way: the session that was just written ends again. */
async function endIfOvertaken(
  ctx: AuthorityContext,
  session: Session,
  wanted: Wanted,
  destination: Destination,
): Promise<void> {
  const lock = lockOn(ctx, wanted.identity, destination);
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

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next: string | undefined;
  readonly help?: readonly string[];
  readonly device?: Device;
  readonly decision?: Decision;
}

async function refuse(ctx: AuthorityContext, wanted: Wanted, refusal: Refusal): Promise<never> {
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
      ...paramsForLog(session.params),
    },
  };
}
