// A command on a machine without a certificate shows a short code; in a browser its owner types it, sees which
// machine, which key and from where, and says yes by a passkey over exactly that (RFC 8628, with the key of the
// command bound in). Kept in memory: what is lost is asked again.
//
// INVARIANT: whoever knows the code learns and gets nothing by it; the certificate goes to the holder of the secret,
// for the key that was shown.

import { signInEnd } from '../enroll/sign-in-end.ts';
import type { CodeMade, CodePolled, CodeView, Assertion } from '../../api/passkeys.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Identity, ProviderSession } from '../../core/identity.ts';
import { canonicalJson, type JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { signedText } from '../../core/signed-text.ts';
import { sha256 } from '../../wire/signed.ts';
import { barredBy } from '../admin/barred.ts';
import { addressesOf } from '../admin/broker-facts.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import { RateLimit } from '../api/rate-limit.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import { isKeyKnown, issueCredential, requireCsr, type CsrKey } from '../enroll/credentials.ts';
import { requireConsole } from './options.ts';
import { verifyOwn } from './verify-own.ts';

interface Waiting {
  readonly code: string;
  readonly key: CsrKey;
  readonly machine: string;
  readonly sourceIp: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Who said yes. */
  identity?: Identity['id'];
  /** By what, where it was no passkey. */
  provider?: ProviderSession;
}

/** No vowels, nothing that is taken for something else (RFC 8628, section 6.1). */
const letters = 'BCDFGHJKLMNPQRSTVWXZ';

export class SignInCodes {
  readonly #ctx: AuthorityContext;
  /** By the hash of the command's secret, in order of age. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #made: RateLimit;
  readonly #looks: RateLimit;

  constructor(ctx: AuthorityContext) {
    this.#ctx = ctx;
    this.#made = new RateLimit(ctx.clock, limits.codesPerAddressPerMinute);
    this.#looks = new RateLimit(ctx.clock, limits.codeLooksPerIdentityPerMinute);
  }

  async make(asked: { readonly csr: string; readonly machine: string }, sourceIp: string): Promise<CodeMade> {
    const ctx = this.#ctx;
    const { origin } = requireConsole(ctx);
    if (!this.#made.take(sourceIp)) throw tooMany('codes were asked for from your address');
    const key = requireCsr(asked.csr);
    if (await isKeyKnown(ctx, key.spki)) {
      throw new SallyportError('conflict', 'this key is enrolled already', {
        next: 'make a new key: every sign-in has its own',
      });
    }
    this.#forgetOld();
    if (this.#waiting.size >= limits.codesMax) throw tooMany('commands wait for a browser');
    const secret = Buffer.from(ctx.random.bytes(32)).toString('base64url');
    const now = ctx.clock.now();
    const waiting: Waiting = {
      code: this.#newCode(),
      key,
      machine: printable(asked.machine, 253),
      sourceIp,
      createdAt: now,
      expiresAt: now + limits.codeLifeMs,
    };
    this.#waiting.set(sha256(secret), waiting);
    const { code, expiresAt } = waiting;
    return { code, secret, url: `${origin}/device?code=${code}`, expiresAt: iso(expiresAt) };
  }

  show(caller: Operator, code: string): CodeView {
    const waiting = this.#find(caller, code);
    const { machine, key, sourceIp, createdAt, expiresAt, code: whole } = waiting;
    return {
      code: whole,
      machine,
      key: key.spki,
      sourceIp,
      createdAt: iso(createdAt),
      expiresAt: iso(expiresAt),
      content: canonicalJson(contentOf(waiting, caller)),
    };
  }

  async confirm(
    caller: Operator,
    { code, assertion }: { readonly code: string; readonly assertion: Assertion },
  ): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    const waiting = this.#find(caller, code);
    const challenge = sha256(signedText('signIn', canonicalJson(contentOf(waiting, caller))));
    const { change, passkey } = await verifyOwn(ctx, caller, { assertion, challenge });
    await this.#confirmed(caller, waiting, { changes: [change], by: { passkey: passkey.id } });
    return { done: true };
  }

  /** What is shown of a code, as one text: whoever confirms it by a provider leaves for exactly that. */
  contentOf(caller: Operator, code: string): string {
    return canonicalJson(contentOf(this.#find(caller, code), caller));
  }

  /** The provider has said again who it is: `content` is what he left for. */
  async confirmByProvider(
    caller: Operator,
    asked: { readonly code: string; readonly content: string; readonly provider: ProviderSession },
  ): Promise<void> {
    const waiting = this.#find(caller, asked.code);
    if (canonicalJson(contentOf(waiting, caller)) !== asked.content) throw noCode(asked.code);
    await this.#confirmed(caller, waiting, {
      changes: [],
      by: { provider: asked.provider.issuer },
      provider: asked.provider,
    });
  }

  async #confirmed(
    caller: Operator,
    waiting: Waiting,
    how: {
      readonly changes: readonly Change[];
      readonly by: JsonObject;
      readonly provider?: ProviderSession;
    },
  ): Promise<void> {
    const { machine, key, sourceIp: from } = waiting;
    await this.#ctx.store.commit({
      changes: how.changes,
      events: [
        {
          type: 'sign_in.confirmed',
          actor: actor(caller),
          outcome: 'success',
          identity: caller.identity.id,
          body: {
            name: caller.identity.name,
            machine,
            spki: key.spki,
            from,
            ...how.by,
            sourceIp: caller.sourceIp,
          },
        },
      ],
    });
    waiting.identity = caller.identity.id;
    if (how.provider !== undefined) waiting.provider = how.provider;
  }

  async poll(secret: string, sourceIp: string): Promise<CodePolled> {
    const ctx = this.#ctx;
    const id = sha256(secret);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || waiting.expiresAt <= ctx.clock.now()) {
      throw new SallyportError('token_refused', 'nobody let this command in in time', {
        next: 'start again: sallyport login ADDRESS',
      });
    }
    if (waiting.identity === undefined) return {};
    const identity = (await ctx.store.get('identity', waiting.identity))?.value;
    // Given once; and whoever was locked between the yes and now gets nothing.
    this.#waiting.delete(id);
    if (identity === undefined || barredBy(ctx, identity) !== undefined) {
      throw new SallyportError('locked', 'whoever let this command in is locked or gone', {
        next: 'ask an administrator',
      });
    }
    return { signedIn: await this.#issue(identity, waiting, sourceIp) };
  }

  async #issue(
    identity: Identity,
    { key, machine, provider }: Waiting,
    sourceIp: string,
  ): Promise<NonNullable<CodePolled['signedIn']>> {
    const ctx = this.#ctx;
    const now = ctx.clock.now();
    const until = await signInEnd(ctx, identity, {
      since: now,
      ...(provider === undefined ? {} : { provider }),
    });
    const { credential, chainPem } = await issueCredential(ctx, {
      id: identity.id,
      kind: 'human',
      key,
      ...(until === undefined ? {} : { until }),
      ...(provider === undefined ? {} : { provider }),
    });
    await ctx.store.commit({
      changes: [{ put: 'credential', value: credential, rev: 0 }],
      events: [
        {
          type: 'credential.issued',
          actor: { kind: 'human', id: identity.id },
          outcome: 'success',
          identity: identity.id,
          credential: credential.id,
          body: {
            name: identity.name,
            serial: credential.serial,
            spki: credential.spki,
            notAfter: iso(credential.notAfter),
            machine,
            sourceIp,
          },
        },
      ],
    });
    return {
      id: identity.id,
      kind: 'human',
      name: identity.name,
      certificate: chainPem,
      keyset: ctx.pki.keysetStatement,
      addresses: addressesOf(ctx.broker),
      broker: ctx.broker.name,
    };
  }

  /** Codes are short: who tries them out is stopped soon. */
  #find({ identity }: Operator, typed: string): Waiting {
    if (!this.#looks.take(identity.id)) throw tooMany('codes were tried');
    const code = normalCode(typed);
    const now = this.#ctx.clock.now();
    for (const waiting of this.#waiting.values()) {
      if (waiting.code === code && waiting.expiresAt > now && waiting.identity === undefined) return waiting;
    }
    throw noCode(typed);
  }

  #newCode(): string {
    for (;;) {
      const picked = Array.from(
        { length: 8 },
        () => letters[Math.floor(this.#ctx.random.fraction() * letters.length)],
      );
      const code = `${picked.slice(0, 4).join('')}-${picked.slice(4).join('')}`;
      if (![...this.#waiting.values()].some((waiting) => waiting.code === code)) return code;
    }
  }

  #forgetOld(): void {
    const now = this.#ctx.clock.now();
    for (const [id, { expiresAt }] of this.#waiting) if (expiresAt <= now) this.#waiting.delete(id);
  }
}

/** As people type it: small letters, no dash. */
function normalCode(typed: string): string {
  const plain = typed.toUpperCase().replaceAll(/[^A-Z]/g, '');
  return `${plain.slice(0, 4)}-${plain.slice(4)}`;
}

function contentOf({ code, key, machine, sourceIp, createdAt }: Waiting, { identity }: Operator): JsonObject {
  return { code, key: key.spki, machine, sourceIp, askedAt: iso(createdAt), identity: identity.id };
}

function noCode(typed: string): SallyportError {
  return new SallyportError('not_found', `no command waits with the code "${printable(typed, 16)}"`, {
    next: 'compare it with the terminal; a code is good for 10 minutes and once',
  });
}

function tooMany(what: string): SallyportError {
  return new SallyportError('rate_limited', `too many ${what}`, { next: 'try again in a minute' });
}
