// Use-case: open a session. The one place where a person's wish becomes a right that devices honour:
// gather, decide, record, act. "No such target" and "not for you to know" are the same answer; whether a
// device is online is told only to those whom policy has let in.

import type { SessionOpened } from '../../api/sessions.ts';
import type { z } from 'zod';
import type { openSessionBody } from '../../api/sessions.ts';
import { parseParams, type ChannelParams } from '../../core/channel.ts';
import type { Decision } from '../../core/decision.ts';
import type { Device } from '../../core/device.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Session } from '../../core/session-record.ts';
import { step, type SessionLife } from '../../core/session.ts';
import { parseTarget } from '../../core/target.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';
import { endSession } from './end-session.ts';
import { canDiscover, lockOn, questionOf, wishOfParams } from './session-facts.ts';
import { viewSession } from './session-view.ts';

type Body = z.infer<typeof openSessionBody>;
type Allow = Extract<Decision, { outcome: 'allow' }>;

interface Wanted {
  readonly caller: Caller;
  readonly identity: Identity;
  readonly target: string;
  readonly params: ChannelParams;
}

export async function openSession(ctx: AuthorityContext, caller: Caller, body: Body): Promise<SessionOpened> {
  const wanted = readWish(caller, body);
  const device = await findTarget(ctx, wanted);
  const allow = await decide(ctx, wanted, device);
  const link = await requireLink(ctx, wanted, device);
  const session = newSession(ctx, { wanted, device, allow, link, forMs: body.forMs });

  await ctx.store.commit({
    changes: [{ put: 'session', value: session, rev: 0 }],
    events: [decided(wanted, device, allow), issued(session, wanted)],
  });

  ctx.sessions.add(session, wanted.identity.owner);
  link.sessions.add(session.id);
  await endIfOvertaken(ctx, session, wanted, device);
  return {
    session: await viewSession(ctx, session),
    linkNonce: link.linkNonce,
    ...(allow.obligations.user === undefined ? {} : { user: allow.obligations.user }),
    ...(allow.obligations.banner === undefined ? {} : { banner: allow.obligations.banner }),
  };
}

function readWish(caller: Caller, body: Body): Wanted {
  if (caller.identity === undefined)
    throw new SallyportError('wrong_kind', 'only people, machines and AI agents open sessions');
  const params = parseParams(body.params);
  if (typeof params === 'string')
    throw new SallyportError('invalid', `the channel parameters are not valid: ${params}`);
  const target = parseTarget(body.target);
  if (target === undefined) {
    throw new SallyportError('invalid', `"${printable(body.target)}" is not a target`, {
      next: 'a target is DEVICE or DEVICE/SERVICE, for example "pump-7"',
    });
  }
  return { caller, identity: caller.identity, target: body.target, params };
}

async function findTarget(ctx: AuthorityContext, wanted: Wanted): Promise<Device> {
  const stored = await ctx.store.find('device', { name: wanted.target });
  if (stored !== undefined && canDiscover(ctx, wanted.identity, stored.value)) return stored.value;
  return await refuse(ctx, wanted, {
    code: 'not_found',
    message: `there is no target "${wanted.target}" that you may see`,
    next: '"sallyport devices ls" lists the ones you may; a policy must let you discover it',
    ...(stored === undefined ? {} : { device: stored.value }),
  });
}

async function decide(ctx: AuthorityContext, wanted: Wanted, device: Device): Promise<Allow> {
  const lock = lockOn(ctx, wanted.identity, device);
  if (lock !== undefined) {
    return await refuse(ctx, wanted, {
      code: 'locked',
      message: `"${wanted.target}" is locked: ${printable(lock.reason)}`,
      next: `an administrator can lift the lock: sallyport unlock ${lock.id}`,
      device,
    });
  }
  if (ctx.sessions.countOf(wanted.identity.id) >= limits.sessionsPerIdentityMax) {
    return await refuse(ctx, wanted, {
      code: 'rate_limited',
      message: `you already have ${limits.sessionsPerIdentityMax} live sessions`,
      next: 'end some: sallyport sessions ls',
      device,
    });
  }
  const wish = wishOfParams(wanted.params, {
    identity: wanted.identity,
    device,
    sourceIp: wanted.caller.sourceIp,
  });
  const decision = ctx.policy.decide(questionOf(wish, ctx.clock.now()));
  if (decision.outcome === 'allow') {
    const named = decision.obligations.user;
    // Who one is on the device is policy's word: a name that only the caller brings is no right to it.
    if (wanted.params.user === undefined || wanted.params.user === named) return decision;
    return await refuse(ctx, wanted, {
      code: 'denied',
      message:
        named === undefined
          ? `no policy names the user "${wanted.params.user}" on "${wanted.target}"`
          : `policy lets you be "${named}" on "${wanted.target}", not "${wanted.params.user}"`,
      next: 'leave --user away',
      device,
      decision,
    });
  }
  return await refuse(ctx, wanted, {
    code: 'denied',
    message: `policy does not let you ${wanted.params.kind} on "${wanted.target}"`,
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

interface NewSession {
  readonly wanted: Wanted;
  readonly device: Device;
  readonly allow: Allow;
  readonly link: LiveLink;
  readonly forMs: number | undefined;
}

function newSession(ctx: AuthorityContext, { wanted, device, allow, link, forMs }: NewSession): Session {
  const now = ctx.clock.now();
  const { obligations } = allow;
  const user = obligations.user ?? wanted.params.user;
  let life: SessionLife = { state: 'requested' };
  life = step(life, { type: 'approve' }, now);
  life = step(life, { type: 'issue' }, now);
  const lifeMs = Math.min(obligations.maxSessionMs, limits.sessionMaxMs, forMs ?? Number.POSITIVE_INFINITY);
  return {
    ...life,
    id: newId('ses', ctx.random.bytes(16)),
    identity: wanted.identity.id,
    device: device.id,
    kind: wanted.params.kind,
    target: wanted.target,
    cnf: wanted.caller.spki,
    link: link.id,
    linkNonce: link.linkNonce,
    gate: link.gate,
    policy: allow.revision,
    policies: allow.policies,
    ...(user === undefined ? {} : { user }),
    ...(wanted.params.kind === 'exec' ? { argv: wanted.params.argv } : {}),
    sourceIp: wanted.caller.sourceIp,
    idleMs: obligations.idleMs,
    createdAt: now,
    startBy: now + limits.startWithinMs,
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
  device: Device,
): Promise<void> {
  const lock = lockOn(ctx, wanted.identity, device);
  const isKnown =
    (await ctx.store.get('identity', session.identity)) !== undefined &&
    (await ctx.store.get('device', session.device)) !== undefined;
  const isLinked = ctx.gates.link(session.link) !== undefined;
  if (lock === undefined && isKnown && isLinked) return;
  const reason = lock !== undefined ? 'lock' : isKnown ? 'device_gone' : 'policy';
  await endSession(ctx, { session: session.id, reason, by: { kind: 'system', id: 'authority' } });
  if (lock !== undefined) {
    throw new SallyportError('locked', `"${wanted.target}" is locked: ${printable(lock.reason)}`);
  }
  throw new SallyportError('device_offline', `"${device.name}" lost its link just now`, {
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
      ...(wanted.params.kind === 'exec' ? { argv: wanted.params.argv } : {}),
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
      ...(session.argv === undefined ? {} : { argv: session.argv }),
    },
  };
}
