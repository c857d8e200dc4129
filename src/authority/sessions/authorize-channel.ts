// Use-case: a gate asks for one channel of a session. Opening a session is no licence for its next
// channel: everything is checked and decided again, with the exact parameters, and the operator's own
// signature has to cover them. The answer is a pass that the device verifies for itself.

import { userOf, type ChannelParams } from '../../core/channel.ts';
import type { Decision, Obligations } from '../../core/decision.ts';
import { describeHold } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { isLive, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import type { ChannelAccepted, ChannelBody } from '../../wire/control.ts';
import type { Open } from '../../wire/pass.ts';
import { signStatement } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';
import { approvalsOf, evidenceOf, isOfItsRequest } from '../requests/grants.ts';
import { StoreConflict, type Stored } from '../store/store.ts';
import { paramsForLog } from './params-for-log.ts';
import { chainOf } from './review-sessions.ts';
import { decideWish, lockOn, type Destination, type Wish } from './session-facts.ts';
import { checkOpen, readSignedOpen, type OpenFault } from './signed-open.ts';

interface Facts {
  readonly stored: Stored<Session>;
  readonly session: Session;
  readonly identity: Identity;
  readonly destination: Destination;
  readonly link: LiveLink;
  readonly open: Open;
  readonly params: ChannelParams;
}

/** Only the first channel of a session changes its record; those that ask at the same instant ask again. */
const turnsMax = 3;

/** Throws SallyportError; every refusal is on the log first. */
export async function authorizeChannel(
  ctx: AuthorityContext,
  gate: string,
  body: ChannelBody,
): Promise<ChannelAccepted> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await authorize(ctx, gate, body);
    } catch (error) {
      if (!(error instanceof StoreConflict) || turn === turnsMax) throw error;
    }
  }
}

async function authorize(ctx: AuthorityContext, gate: string, body: ChannelBody): Promise<ChannelAccepted> {
  const facts = await gather(ctx, gate, body);
  const decision = await decide(ctx, facts, body.remoteAddress);
  const { session } = facts;
  const isFirst = session.state === 'issued';

  const { size } = await ctx.store.head();
  await ctx.store.commit({
    changes: isFirst
      ? [{ put: 'session', value: started(session, ctx.clock.now()), rev: facts.stored.rev }]
      : [],
    events: [...(isFirst ? [startedEvent(facts)] : []), opened(facts, decision, body.remoteAddress)],
  });

  // A lock may have been placed while the commit was under way; it has cut the session already.
  if (ctx.sessions.get(session.id) === undefined) throw ended(session);
  ctx.sessions.started(session.id);
  const approval = await evidenceOf(ctx, session);
  return {
    link: facts.link.id,
    pass: signPass(ctx, facts, size),
    ...(approval === undefined ? {} : { approval }),
    n: facts.open.n,
    idleMs: session.idleMs,
    mustEndAt: session.mustEndAt,
  };
}

async function gather(ctx: AuthorityContext, gate: string, body: ChannelBody): Promise<Facts> {
  const id = parseId('ses', body.session);
  const stored = id === undefined ? undefined : await ctx.store.get('session', id);
  if (stored === undefined || stored.value.gate !== gate) {
    throw await refuse(ctx, { code: 'not_found', message: 'there is no such session', gate, session: id });
  }
  const session = stored.value;
  if (!isLive(session.state) || ctx.sessions.get(session.id) === undefined) {
    throw await refuse(ctx, { ...describe(ended(session)), gate, of: session });
  }
  const signed = readSignedOpen(body.open);
  if (signed === undefined)
    throw await refuse(ctx, {
      code: 'open_signature',
      message: 'the signed open is not valid',
      gate,
      of: session,
    });
  const checked = checkOpen(signed, session, body);
  if (!checked.ok) throw await refuse(ctx, { ...checked.fault, gate, of: session });
  const { params } = checked;
  if (isForeign(params, session)) {
    throw await refuse(ctx, {
      code: 'pass_params',
      message: 'the channel asks for something else than its session was opened for',
      gate,
      of: session,
    });
  }
  const identity = await ctx.store.get('identity', session.identity);
  const device = await ctx.store.get('device', session.device);
  const service = session.service === undefined ? undefined : await ctx.store.get('service', session.service);
  const link = ctx.gates.link(session.link);
  if (
    identity === undefined ||
    device === undefined ||
    link === undefined ||
    (session.service !== undefined && service === undefined)
  ) {
    throw await refuse(ctx, {
      code: 'device_offline',
      message: `"${session.target}" lost its link`,
      gate,
      of: session,
    });
  }
  const destination = { device: device.value, ...(service === undefined ? {} : { service: service.value }) };
  return { stored, session, identity: identity.value, destination, link, open: signed.open, params };
}

/**
 * Whether a channel asks for something that its session was not opened for (L8): another kind, another OS
 * user, another destination, the other direction. Commands and paths may differ: each is decided anew.
 */
function isForeign(params: ChannelParams, session: Session): boolean {
  const asked = session.params;
  if (params.kind !== session.kind || userOf(params) !== session.user) return true;
  if (params.kind === 'tcp' && asked.kind === 'tcp')
    return params.host !== asked.host || params.port !== asked.port;
  return params.kind === 'files' && asked.kind === 'files' && params.mode !== asked.mode;
}

async function decide(
  ctx: AuthorityContext,
  facts: Facts,
  sourceIp: string,
): Promise<Extract<Decision, { outcome: 'allow' }>> {
  const { session, identity, destination, params } = facts;
  const now = ctx.clock.now();
  const chain = await chainOf(ctx, session);
  if (chain === 'ended') {
    throw await refuse(ctx, {
      code: 'denied',
      message: 'the delegation that the session was opened under does not hold any more',
      gate: session.gate,
      of: session,
    });
  }
  const lock = lockOn(ctx, identity, destination, {
    behalf: chain ?? [],
    ticket: session.ticket,
    cnf: session.cnf,
  });
  if (lock !== undefined) {
    throw await refuse(ctx, {
      code: 'locked',
      message: `"${session.target}" is locked: ${printable(lock.reason)}`,
      gate: session.gate,
      of: session,
    });
  }
  const { hold } = destination.device;
  if (hold !== undefined) {
    throw await refuse(ctx, {
      code: 'not_accepted',
      message: `"${destination.device.name}" ${describeHold(hold)}`,
      gate: session.gate,
      of: session,
    });
  }
  if (now >= session.mustEndAt || (session.state === 'issued' && now > session.startBy)) {
    throw await refuse(ctx, {
      code: 'pass_expired',
      message: 'the session has run out',
      gate: session.gate,
      of: session,
    });
  }
  if (!(await isOfItsRequest(ctx, session, params))) {
    throw await refuse(ctx, {
      code: 'denied',
      message: `nobody approved this on "${session.target}": the request that opened it was for something else`,
      gate: session.gate,
      of: session,
    });
  }
  const approvals = await approvalsOf(ctx, session);
  const { ticket } = session;
  const wish: Wish = {
    isLive: true,
    identity,
    params,
    sourceIp,
    ...(ticket === undefined ? {} : { ticket }),
    ...(session.mfa === undefined ? {} : { mfa: session.mfa }),
    ...(session.totp === undefined ? {} : { totp: session.totp }),
    ...(chain === undefined ? {} : { behalf: chain }),
    ...approvals,
    ...destination,
  };
  const decision = decideWish(ctx, wish);
  if (decision.outcome === 'allow') {
    if (isWithinTerms(decision.obligations, session, params)) return decision;
    throw await refuse(ctx, {
      code: 'denied',
      message: `policy has other terms for this on "${session.target}" than for its session: open one for it`,
      gate: session.gate,
      of: session,
    });
  }
  throw await refuse(ctx, {
    code: 'denied',
    message: `policy does not let you ${facts.params.kind} this on "${session.target}"`,
    gate: session.gate,
    of: session,
    help: decision.help,
  });
}

/**
 * Deadline, idle limit and OS user were set when the session was opened. What policy allows only on stricter
 * terms than those would escape them by coming as a later channel.
 */
function isWithinTerms(terms: Obligations, session: Session, params: ChannelParams): boolean {
  const isSameUser = params.kind === 'tcp' || terms.user === session.user;
  return (
    isSameUser &&
    terms.idleMs >= session.idleMs &&
    session.createdAt + terms.maxSessionMs >= session.mustEndAt
  );
}

function started(session: Session, now: number): Session {
  const connecting: Session = { ...session, ...step(session, { type: 'connect' }, now) };
  return { ...connecting, ...step(connecting, { type: 'activate' }, now) };
}

function signPass(ctx: AuthorityContext, facts: Facts, logSize: number): string {
  const { session, open, link } = facts;
  const now = ctx.clock.now();
  return signStatement(
    'pass',
    {
      device: session.device,
      kind: session.kind,
      target: session.target,
      paramsHash: open.paramsHash,
      identity: session.identity,
      name: facts.identity.name,
      session: session.id,
      n: open.n,
      cnf: session.cnf,
      via: 'operator',
      linkNonce: session.linkNonce,
      leaseSeq: link.leaseSeq,
      issuedAt: now,
      startBy: now + limits.startWithinMs,
      mustEndAt: session.mustEndAt,
      idleMs: session.idleMs,
      stateEpoch: ctx.broker.stateEpoch,
      logSize,
    },
    ctx.pki.passSigner,
  );
}

function startedEvent({ session, identity }: Facts): EventDraft {
  return {
    type: 'session.started',
    actor: { kind: identity.kind, id: identity.id },
    outcome: 'success',
    identity: session.identity,
    device: session.device,
    session: session.id,
    link: session.link,
    body: { target: session.target, kind: session.kind },
  };
}

function opened(
  facts: Facts,
  decision: Extract<Decision, { outcome: 'allow' }>,
  sourceIp: string,
): EventDraft {
  const { session, identity, params } = facts;
  return {
    type: 'channel.opened',
    actor: { kind: identity.kind, id: identity.id },
    outcome: 'success',
    identity: identity.id,
    device: session.device,
    session: session.id,
    link: session.link,
    policy: decision.revision,
    policies: decision.policies,
    body: {
      name: identity.name,
      target: session.target,
      kind: params.kind,
      n: facts.open.n,
      sourceIp,
      ...(userOf(params) === undefined ? {} : { user: userOf(params) }),
      ...paramsForLog(params),
    },
  };
}

function ended(session: Session): SallyportError {
  return new SallyportError('pass_expired', `the session on "${session.target}" has ended`, {
    next: 'open a new one',
  });
}

function describe(error: SallyportError): OpenFault {
  return { code: error.code, message: error.message };
}

interface Refusal extends OpenFault {
  readonly gate: string;
  readonly session?: ReturnType<typeof parseId<'ses'>>;
  readonly of?: Session;
  readonly help?: readonly string[];
}

async function refuse(ctx: AuthorityContext, refusal: Refusal): Promise<SallyportError> {
  const session = refusal.of;
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'channel.refused',
        actor: { kind: 'gate', id: refusal.gate },
        outcome: 'denied',
        code: refusal.code,
        ...(session === undefined
          ? {}
          : { identity: session.identity, device: session.device, session: session.id }),
        ...(refusal.session === undefined || session !== undefined ? {} : { session: refusal.session }),
        body: { why: refusal.message },
      },
    ],
  });
  return new SallyportError(
    refusal.code,
    refusal.message,
    refusal.help === undefined ? {} : { help: refusal.help },
  );
}
