// Use-case: a machine signs in by what proves what it is, and gets a certificate of minutes for a key that it made.
// Nothing renews it: a machine whose job is over has nothing to show again, and its rights end. To a
// stranger every refusal is one answer; the log has the reason.

import type { WorkloadSignedIn } from '../../api/workloads.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import { barredBy } from '../admin/barred.ts';
import { addressesOf } from '../admin/broker-facts.ts';
import { nameIn } from '../../core/tenant.ts';
import type { AuthorityContext } from '../context.ts';
import { issueCredential, requireCsr, type CsrKey } from '../enroll/credentials.ts';
import { StoreConflict } from '../store/store.ts';
import { checkAssertion, type Assertion } from './check-assertion.ts';
import type { IssuerKeys } from './issuer-keys.ts';

export interface WorkloadSignIn {
  /** Name of the identity. */
  readonly identity: string;
  readonly assertion: string;
  readonly csr: string;
  readonly sourceIp: string;
}

export class WorkloadDoor {
  readonly #ctx: AuthorityContext;
  readonly #keys: IssuerKeys;
  readonly #attempts: Attempts;

  constructor(ctx: AuthorityContext, refusals: Refusals, keys: IssuerKeys) {
    this.#ctx = ctx;
    this.#keys = keys;
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.workloadAttemptsPerAddressPerMinute,
      what: 'sign-ins',
      next: 'try again in a minute',
    });
  }

  async signIn(asked: WorkloadSignIn): Promise<WorkloadSignedIn> {
    this.#attempts.requireLeft(asked.sourceIp);
    const key = requireCsr(asked.csr);
    const { identity, assertion } = await this.#prove(asked, key);
    return await this.#issue(identity, assertion, { key, sourceIp: asked.sourceIp });
  }

  async #prove(
    asked: WorkloadSignIn,
    key: CsrKey,
  ): Promise<{ readonly identity: Identity; readonly assertion: Assertion }> {
    const ctx = this.#ctx;
    const now = ctx.clock.now();
    const identity = (await ctx.store.find('identity', { name: asked.identity }))?.value;
    if (identity?.trust === undefined) return await this.#refuse(asked, 'no such machine');
    const barred = barredBy(ctx, identity);
    if (barred === 'expired') return await this.#refuse(asked, 'the identity has expired');
    if (barred !== undefined) return await this.#refuse(asked, 'it, or its owner, is locked');
    if (await isOthers(ctx, identity, key)) return await this.#refuse(asked, 'the key is somebody else’s');
    const { trust } = identity;
    const name = nameIn(identity.tenant, identity.name);
    const { trustDomain } = ctx.pki;
    try {
      const facts = { trust, name, trustDomain, spki: key.spki, now };
      return { identity, assertion: await checkAssertion(asked.assertion, facts, this.#keys) };
    } catch (error) {
      return await this.#refuse(asked, error instanceof Error ? error.message : String(error));
    }
  }

  async #issue(
    identity: Identity,
    assertion: Assertion,
    { key, sourceIp }: { readonly key: CsrKey; readonly sourceIp: string },
  ): Promise<WorkloadSignedIn> {
    const ctx = this.#ctx;
    const until = identity.expiresAt === undefined ? {} : { until: identity.expiresAt };
    const issued = await issueCredential(ctx, { id: identity.id, kind: identity.kind, key, ...until });
    try {
      await ctx.store.commit({
        changes: [
          { put: 'credential', value: issued.credential, rev: 0 },
          // A token is good once: whoever sees it on the way has nothing.
          { put: 'assertion', value: { id: assertion.hash, expiresAt: assertion.expiresAt }, rev: 0 },
        ],
        events: [
          {
            type: 'credential.issued',
            actor: { kind: identity.kind, id: identity.id },
            outcome: 'success',
            identity: identity.id,
            credential: issued.credential.id,
            body: {
              name: identity.name,
              sourceIp,
              by: identity.trust?.kind ?? '',
              claims: assertion.claims,
              notAfter: new Date(issued.credential.notAfter).toISOString(),
            },
          },
        ],
      });
    } catch (error) {
      if (!(error instanceof StoreConflict) || error.kind !== 'assertion') throw error;
      return await this.#refuse({ identity: identity.name, sourceIp }, 'the token was used before');
    }
    return {
      id: identity.id,
      kind: identity.kind,
      name: identity.name,
      certificate: issued.chainPem,
      keyset: ctx.pki.keysetStatement,
      addresses: addressesOf(ctx.broker),
      broker: ctx.broker.name,
    };
  }

  async #refuse(asked: Pick<WorkloadSignIn, 'identity' | 'sourceIp'>, why: string): Promise<never> {
    const code: ErrorCode = 'unauthenticated';
    const body = { why: printable(why, 200), door: 'workload', identity: printable(asked.identity, 80) };
    await this.#attempts.refuse({ type: 'auth.failed', code, body }, asked.sourceIp);
    throw new SallyportError(code, `this does not prove that it is "${printable(asked.identity, 80)}"`, {
      next: 'the broker’s log has the reason: sallyport audit search --type auth.failed',
    });
  }
}

/** One key, one holder. */
async function isOthers(ctx: AuthorityContext, identity: Identity, { spki }: CsrKey): Promise<boolean> {
  const known = await ctx.store.find('credential', { spki });
  if (known !== undefined && known.value.holder !== identity.id) return true;
  return (await ctx.store.find('device', { spki })) !== undefined;
}
