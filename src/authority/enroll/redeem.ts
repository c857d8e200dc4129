// Use-case: redeem a one-time token. A stranger with the right token and a key becomes a device or a
// person. Whatever is wrong with a token, the answer is the same (I5); how it was wrong is on the log.
//
// INVARIANT: one token, one redemption: the enrollment is marked used by compare-and-set in the same
// commit that creates the holder. One key, one holder: redemptions take turns, so that two tokens
// cannot enroll one key at the same moment.

import type { Redeemed } from '../../api/enrollments.ts';
import type { Device } from '../../core/device.ts';
import type { EventDraft } from '../../core/event.ts';
import type { Enrollment, Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import { addressesOf } from '../admin/broker-facts.ts';
import { keysForDevice } from '../break-glass/keys.ts';
import type { AuthorityContext } from '../context.ts';
import { isKeyKnown, requireCsr, type IssuedCredential } from './credentials.ts';
import { newHolder, type Holding } from './new-holder.ts';
import { commitOnce, findEnrollment, requireInviter } from './open-enrollment.ts';
import { TokenFault } from './token-fault.ts';
import { Turns } from '../../core/turns.ts';

export interface RedeemRequest {
  readonly token: string;
  readonly csr: string;
  readonly sourceIp: string;
}

/** Holds what must be counted across redemptions. */
export class RedeemDoor {
  readonly #ctx: AuthorityContext;
  readonly #attempts: Attempts;
  readonly #turns = new Turns();

  constructor(ctx: AuthorityContext, refusals: Refusals) {
    this.#ctx = ctx;
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.redeemAttemptsPerAddressPerMinute,
      what: 'tokens',
      next: 'wait a minute, then try again with the right one',
    });
  }

  async redeem(request: RedeemRequest): Promise<Redeemed> {
    const { sourceIp } = request;
    const redeemed = await this.#turns.take(async () => await this.#inTurn(request));
    if (!(redeemed instanceof TokenFault)) return redeemed;
    await this.#note(redeemed.code, redeemed.why, sourceIp);
    throw redeemed.toCaller();
  }

  /** Only attempts that failed count: a whole site may join at once, from behind one address. */
  async #inTurn(request: RedeemRequest): Promise<Redeemed | TokenFault> {
    const { sourceIp } = request;
    if (!this.#attempts.hasLeft(sourceIp)) {
      await this.#note('rate_limited', 'too many attempts', sourceIp);
      throw this.#attempts.tooMany();
    }
    try {
      return await redeem(this.#ctx, request);
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      this.#attempts.count(sourceIp);
      return error;
    }
  }

  async #note(code: string, why: string, sourceIp: string): Promise<void> {
    await this.#attempts.note({ type: 'enrollment.refused', code, body: { why } }, sourceIp);
  }
}

async function redeem(ctx: AuthorityContext, request: RedeemRequest): Promise<Redeemed> {
  const key = requireCsr(request.csr);
  const stored = await findEnrollment(ctx, request.token);
  const enrollment = stored.value;
  await requireInviter(ctx, enrollment);
  if (await isKeyKnown(ctx, key.spki)) throw new TokenFault('the key is enrolled already', 'conflict');
  const holding = await newHolder(ctx, { enrollment, key, sourceIp: request.sourceIp });

  const { answer, issued } = holding;
  const used: Enrollment = { ...holding.used, usedAt: ctx.clock.now(), usedBy: answer.id };
  await commitOnce(ctx, {
    changes: [
      { put: 'enrollment', value: used, rev: stored.rev },
      ...holding.changes,
      { put: 'credential', value: issued.credential, rev: 0 },
    ],
    events: [redeemedEvent(used, holding, request.sourceIp), ...holding.events, issuedEvent(holding)],
  });
  await holding.afterwards?.();
  const keys = answer.kind === 'device' ? await keysForDevice(ctx, enrollment.tenant) : undefined;
  return {
    ...answer,
    certificate: issued.chainPem,
    root: ctx.pki.rootPem,
    keyset: ctx.pki.keysetStatement,
    addresses: addressesOf(ctx.broker),
    broker: ctx.broker.name,
    trustDomain: ctx.pki.trustDomain,
    env: ctx.pki.env,
    stateEpoch: ctx.broker.stateEpoch,
    ...(keys === undefined ? {} : { breakGlass: keys }),
  };
}

function redeemedEvent(enrollment: Enrollment, { answer, issued }: Holding, sourceIp: string): EventDraft {
  return {
    type: 'enrollment.redeemed',
    actor: { kind: answer.kind, id: answer.id },
    outcome: 'success',
    ...subject(issued),
    body: { enrollment: enrollment.id, name: answer.name, invitedBy: enrollment.createdBy, sourceIp },
  };
}

function issuedEvent({ answer, issued }: Holding): EventDraft {
  const { credential } = issued;
  return {
    type: 'credential.issued',
    actor: { kind: 'system', id: 'authority' },
    outcome: 'success',
    ...subject(issued),
    credential: credential.id,
    body: {
      name: answer.name,
      serial: credential.serial,
      spki: credential.spki,
      notAfter: new Date(credential.notAfter).toISOString(),
    },
  };
}

function subject({ credential }: IssuedCredential): Pick<EventDraft, 'identity' | 'device'> {
  return credential.kind === 'device'
    ? { device: credential.holder as Device['id'] }
    : { identity: credential.holder as Identity['id'] };
}
