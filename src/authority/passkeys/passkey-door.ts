// Where people come in by a passkey: strangers with an invite, and those who are known. Attempts that failed are
// limited by address and are on the log.

import type { Assertion, Attestation, SignedIn } from '../../api/passkeys.ts';
import { newId } from '../../core/ids.ts';
import type { Enrollment, Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import type { Passkey } from '../../core/sign-in.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import { barredBy } from '../admin/barred.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { personOf, requireKnownPerson } from '../enroll/new-holder.ts';
import { commitOnce, findEnrollment, requireInviter } from '../enroll/open-enrollment.ts';
import { TokenFault } from '../enroll/token-fault.ts';
import { StoreConflict } from '../store/store.ts';
import { Challenges } from './challenges.ts';
import { codeHash } from './recovery-codes.ts';
import { newSignIn, type NewSignIn } from './sign-ins.ts';
import { challengeOf, passkeyId, PasskeyRefused, verifyAssertion, verifyAttestation } from './verify.ts';
import { creationOptions, requireConsole } from './options.ts';

/** What is answered, and the cookie that goes with it. */
export interface LetIn {
  readonly answer: SignedIn;
  readonly cookie: string;
}

export class PasskeyDoor {
  readonly challenges: Challenges;
  readonly #ctx: AuthorityContext;
  readonly #attempts: Attempts;

  constructor(ctx: AuthorityContext, refusals: Refusals) {
    this.#ctx = ctx;
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.passkeyAttemptsPerAddressPerMinute,
      what: 'sign-ins',
      next: 'try again in a minute',
    });
    this.challenges = new Challenges(ctx);
  }

  /** Whoever it is shows it by his passkey: nobody is named before. */
  beginSignIn(sourceIp: string): { readonly options: Readonly<Record<string, unknown>> } {
    const { host } = requireConsole(this.#ctx);
    const challenge = this.challenges.make({ purpose: 'sign_in' }, sourceIp);
    return {
      options: { challenge, rpId: host, userVerification: 'required', timeout: limits.challengeLifeMs },
    };
  }

  async signIn(assertion: Assertion, sourceIp: string): Promise<LetIn> {
    const ctx = this.#ctx;
    const console = requireConsole(ctx);
    return await this.#guarded(sourceIp, async () => {
      const challenge = this.#take(assertion, 'sign_in').challenge;
      const stored = await ctx.store.get('passkey', passkeyId(assertion.id));
      if (stored === undefined) throw new PasskeyRefused('unknown_passkey');
      const identity = await this.#ownerOf(stored.value, assertion);
      const used = await verifyAssertion(stored.value, assertion, {
        console,
        challenge,
        now: ctx.clock.now(),
      });
      const started = await newSignIn(ctx, { identity, by: { passkey: used }, sourceIp });
      await ctx.store.commit({
        changes: [{ put: 'passkey', value: used, rev: stored.rev }, ...started.changes],
        events: started.events,
      });
      return letIn(ctx, identity, started);
    });
  }

  /** Of an invite for a person. It is not used up by this. */
  async beginEnroll(
    token: string,
    sourceIp: string,
  ): Promise<{ readonly name: string; readonly options: Readonly<Record<string, unknown>> }> {
    const ctx = this.#ctx;
    const console = requireConsole(ctx);
    return await this.#guarded(sourceIp, async () => {
      const { enrollment, identity } = await openInvite(ctx, token);
      const id = identity?.id ?? newId('idn', ctx.random.bytes(16));
      const asked = { purpose: 'enroll', enrollment: enrollment.id, identity: id } as const;
      const challenge = this.challenges.make(asked, sourceIp);
      const options = await creationOptions(ctx, { console, challenge, id, name: enrollment.name });
      return { name: enrollment.name, options };
    });
  }

  async enroll(
    asked: { readonly token: string; readonly name: string; readonly attestation: Attestation },
    sourceIp: string,
  ): Promise<LetIn> {
    const ctx = this.#ctx;
    requireText(asked.name, 'name');
    return await this.#guarded(sourceIp, async () => {
      const { challenge, asked: begun } = this.#take(asked.attestation, 'enroll');
      const { enrollment, identity: known, rev } = await openInvite(ctx, asked.token);
      // Begun with another invite: whoever holds this one was not the one who was asked (negative test I4).
      if (begun.enrollment !== enrollment.id) throw new PasskeyRefused('no_challenge');
      const person = known === undefined ? personOf(ctx, enrollment, begun.identity) : undefined;
      const identity = known ?? person?.identity;
      if (identity === undefined) throw new TokenFault(`${enrollment.id} makes nobody`);
      const now = ctx.clock.now();
      const { passkey, started } = await this.#made(identity, { ...asked, challenge, sourceIp });
      const actor = { kind: 'human', id: identity.id } as const;
      await commitOnce(ctx, {
        changes: [
          { put: 'enrollment', value: { ...enrollment, usedAt: now, usedBy: identity.id }, rev },
          ...(person === undefined ? [] : [person.change]),
          { put: 'passkey', value: passkey, rev: 0 },
          ...started.changes,
        ],
        events: [
          {
            type: 'enrollment.redeemed',
            actor,
            outcome: 'success',
            identity: identity.id,
            body: {
              enrollment: enrollment.id,
              name: identity.name,
              invitedBy: enrollment.createdBy,
              sourceIp,
            },
          },
          ...(person === undefined ? [] : [person.event]),
          passkeyAdded(passkey, sourceIp),
          ...started.events,
        ],
      });
      return letIn(ctx, identity, started);
    });
  }

  /** Of a recovery code. It is not used up by this. */
  async beginRecover(
    code: string,
    sourceIp: string,
  ): Promise<{ readonly name: string; readonly options: Readonly<Record<string, unknown>> }> {
    const ctx = this.#ctx;
    const console = requireConsole(ctx);
    return await this.#guarded(sourceIp, async () => {
      const { identity, hash } = await this.#whoHas(code);
      const { id, name } = identity;
      const challenge = this.challenges.make({ purpose: 'recover', identity: id, code: hash }, sourceIp);
      return { name, options: await creationOptions(ctx, { console, challenge, id, name }) };
    });
  }

  async recover(
    asked: { readonly code: string; readonly name: string; readonly attestation: Attestation },
    sourceIp: string,
  ): Promise<LetIn> {
    const ctx = this.#ctx;
    requireText(asked.name, 'name');
    return await this.#guarded(sourceIp, async () => {
      const { challenge, asked: begun } = this.#take(asked.attestation, 'recover');
      const { identity, hash, rev } = await this.#whoHas(asked.code);
      if (begun.code !== hash) throw new PasskeyRefused('no_challenge');
      const { passkey, started } = await this.#made(identity, { ...asked, challenge, sourceIp });
      try {
        await ctx.store.commit({
          changes: [
            { delete: 'recovery', id: hash, rev },
            { put: 'passkey', value: passkey, rev: 0 },
            ...started.changes,
          ],
          events: [
            {
              type: 'passkey.recovered',
              actor: { kind: 'human', id: identity.id },
              outcome: 'success',
              identity: identity.id,
              body: { name: identity.name, passkey: passkey.id, sourceIp },
            },
            passkeyAdded(passkey, sourceIp),
            ...started.events,
          ],
        });
      } catch (error) {
        // Used by somebody faster.
        if (error instanceof StoreConflict) throw new PasskeyRefused('recovery_code');
        throw error;
      }
      return letIn(ctx, identity, started);
    });
  }

  /** A passkey that an authenticator made just now, and the sign-in of the browser that brought it. */
  async #made(
    identity: Identity,
    {
      name,
      attestation,
      challenge,
      sourceIp,
    }: {
      readonly name: string;
      readonly attestation: Attestation;
      readonly challenge: string;
      readonly sourceIp: string;
    },
  ): Promise<{ readonly passkey: Passkey; readonly started: NewSignIn }> {
    const ctx = this.#ctx;
    const made = await verifyAttestation(attestation, { console: requireConsole(ctx), challenge });
    const passkey: Passkey = { ...made, identity: identity.id, name, createdAt: ctx.clock.now() };
    return { passkey, started: await newSignIn(ctx, { identity, by: { passkey }, sourceIp }) };
  }

  async #whoHas(
    code: string,
  ): Promise<{ readonly identity: Identity; readonly hash: string; readonly rev: number }> {
    const { store } = this.#ctx;
    const hash = codeHash(code);
    const stored = await store.get('recovery', hash);
    const identity = stored && (await store.get('identity', stored.value.identity))?.value;
    if (stored === undefined || identity === undefined) throw new PasskeyRefused('recovery_code');
    const barred = barredBy(this.#ctx, identity);
    if (barred !== undefined) {
      throw new PasskeyRefused('recovery_code', barred === 'expired' ? barred : `locked by ${barred.id}`);
    }
    return { identity, hash, rev: stored.rev };
  }

  #take<P extends 'sign_in' | 'enroll' | 'recover'>(answer: Assertion | Attestation, purpose: P) {
    const challenge = challengeOf(answer);
    const asked = this.challenges.take(challenge, purpose);
    if (challenge === undefined || asked === undefined) throw new PasskeyRefused('no_challenge');
    return { challenge, asked };
  }

  async #ownerOf(passkey: Passkey, { response }: Assertion): Promise<Identity> {
    const ctx = this.#ctx;
    const identity = (await ctx.store.get('identity', passkey.identity))?.value;
    if (identity === undefined) throw new PasskeyRefused('unknown_passkey');
    const { userHandle } = response;
    const isHis =
      userHandle === undefined || userHandle === null || fromBase64url(userHandle) === identity.id;
    if (!isHis) throw new PasskeyRefused('foreign_passkey');
    const barred = barredBy(ctx, identity);
    if (barred === 'expired') throw new PasskeyRefused('unknown_passkey', 'the identity has expired');
    if (barred !== undefined) throw new PasskeyRefused('unknown_passkey', `locked by ${barred.id}`);
    return identity;
  }

  async #guarded<T>(sourceIp: string, work: () => Promise<T>): Promise<T> {
    this.#attempts.requireLeft(sourceIp);
    try {
      return await work();
    } catch (error) {
      const isRefusal = error instanceof PasskeyRefused || error instanceof TokenFault;
      if (!isRefusal) throw error;
      const type = error instanceof TokenFault ? 'enrollment.refused' : 'auth.failed';
      const why = error instanceof TokenFault ? error.why : error.message;
      await this.#attempts.refuse({ type, code: error.code, body: { door: 'passkey', why } }, sourceIp);
      throw error.toCaller();
    }
  }
}

/** For people only; absent identity: it makes a new one. */
async function openInvite(
  ctx: AuthorityContext,
  token: string,
): Promise<{ readonly enrollment: Enrollment; readonly rev: number; readonly identity?: Identity }> {
  const { value: enrollment, rev } = await findEnrollment(ctx, token);
  if (enrollment.kind !== 'human') throw new TokenFault(`${enrollment.id} is for a device`);
  await requireInviter(ctx, enrollment);
  if (enrollment.identity === undefined) return { enrollment, rev };
  return { enrollment, rev, identity: await requireKnownPerson(ctx, enrollment) };
}

export function letIn(ctx: AuthorityContext, identity: Identity, { cookie, signIn }: NewSignIn): LetIn {
  const { id, name, roles } = identity;
  const answer = { id, name, roles: [...roles], broker: ctx.broker.name, expiresAt: iso(signIn.expiresAt) };
  return { answer, cookie };
}

export function passkeyAdded({ identity, id, name, isSynced }: Passkey, sourceIp: string) {
  return {
    type: 'passkey.added',
    actor: { kind: 'human', id: identity },
    outcome: 'success',
    identity,
    body: { passkey: id, name, synced: isSynced, sourceIp },
  } as const;
}

function fromBase64url(text: string): string {
  return Buffer.from(text, 'base64url').toString('utf8');
}
