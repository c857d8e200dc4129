// Use-cases: somebody's authenticator app is added, and removed. Added by a key that was enrolled just now: a key that is
// stolen later makes no second factor for itself.

import type { TotpBegun } from '../../api/totp.ts';
import { SallyportError } from '../../core/errors.ts';
import type { IdentityId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { requireIdentity } from '../admin/find.ts';
import { requireRank } from '../admin/rank.ts';
import { actor, may, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { credentialIdOf } from '../enroll/credentials.ts';
import { acceptCode, appOf, stepOf } from './check.ts';

/** RFC 4226, section 4, R6: 160 bits. */
const secretBytes = 20;

export class OwnApps {
  readonly #ctx: AuthorityContext;
  /** Shown, and not confirmed yet; in order of age. */
  readonly #pending = new Map<IdentityId, { readonly secret: string; readonly until: number }>();

  constructor(ctx: AuthorityContext) {
    this.#ctx = ctx;
  }

  async begin(caller: Operator): Promise<TotpBegun> {
    const ctx = this.#ctx;
    await this.#requireNew(caller);
    const { Secret } = await import('otpauth');
    const secret = new Secret({ buffer: new Uint8Array(ctx.random.bytes(secretBytes)).buffer }).base32;
    const oldest =
      this.#pending.size >= limits.totpPendingMax ? this.#pending.keys().next().value : undefined;
    if (oldest !== undefined) this.#pending.delete(oldest);
    const { id, name } = caller.identity;
    this.#pending.delete(id);
    this.#pending.set(id, { secret, until: ctx.clock.bootMs() + limits.totpPendingMs });
    return { secret, uri: (await appOf(secret, { issuer: ctx.broker.name, name })).toString() };
  }

  /** The app shows that it has the secret. */
  async confirm(caller: Operator, code: string): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    await this.#requireNew(caller);
    const { identity, sourceIp } = caller;
    const pending = this.#pending.get(identity.id);
    ctx.codeTries.requireLeft(identity.id);
    const now = ctx.clock.now();
    const isOpen = pending !== undefined && pending.until > ctx.clock.bootMs();
    const lastStep = isOpen ? await stepOf(pending.secret, code, now) : undefined;
    if (pending === undefined || lastStep === undefined) {
      ctx.codeTries.refused(identity.id);
      throw new SallyportError('denied', 'this is no code of that app', {
        next: 'type the one that it shows now; if it has another secret, begin again: sallyport totp add',
      });
    }
    this.#pending.delete(identity.id);
    await ctx.store.commit({
      changes: [
        { put: 'totp', value: { id: identity.id, secret: pending.secret, lastStep, createdAt: now }, rev: 0 },
      ],
      events: [
        {
          type: 'totp.added',
          actor: actor(caller),
          outcome: 'success',
          identity: identity.id,
          body: { name: identity.name, sourceIp },
        },
      ],
    });
    return { done: true };
  }

  /** The own one by a code of it; anybody's by an administrator, who cannot add another one for him. */
  async remove(
    caller: Operator,
    { name, code }: { readonly name?: string | undefined; readonly code?: string | undefined },
  ): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    const identity = name === undefined ? caller.identity : await requireIdentity(ctx, name);
    if (identity.id !== caller.identity.id && !may(ctx, caller, 'administerIdentities')) {
      throw new SallyportError('forbidden', `the app of "${identity.name}" is not yours`, {
        next: 'an administrator removes it for who lost it',
      });
    }
    if (identity.id !== caller.identity.id) await requireRank(ctx, caller, identity.roles);
    if ((await ctx.store.get('totp', identity.id)) === undefined) throw noApp(identity);
    if (identity.id === caller.identity.id)
      await acceptCode(ctx, { identity, code: code ?? '', sourceIp: caller.sourceIp });
    await ctx.store.commit({
      changes: [{ delete: 'totp', id: identity.id }],
      events: [
        {
          type: 'totp.removed',
          actor: actor(caller),
          outcome: 'success',
          identity: identity.id,
          body: { name: identity.name, by: caller.identity.name, sourceIp: caller.sourceIp },
        },
      ],
    });
    ctx.codes.forget(identity.id);
    return { done: true };
  }

  async #requireNew({ identity, serial }: Operator): Promise<void> {
    const { store, clock } = this.#ctx;
    if (identity.kind !== 'human') {
      throw new SallyportError('forbidden', `"${identity.name}" is no person: apps are theirs`, {
        next: 'a machine shows what it is at each sign-in: docs/identity.md',
      });
    }
    if ((await store.get('totp', identity.id)) !== undefined) {
      throw new SallyportError('conflict', 'you have an authenticator app here already', {
        next: 'sallyport totp remove, then add the other one',
      });
    }
    const since = (await store.get('credential', credentialIdOf(serial)))?.value.since;
    if (since !== undefined && clock.now() - since <= limits.totpAddWithinMs) return;
    throw new SallyportError(
      'forbidden',
      'an authenticator app is added within 15 minutes of a new sign-in',
      {
        next: 'sign in anew with "sallyport login", then: sallyport totp add',
      },
    );
  }
}

function noApp({ name }: Identity): SallyportError {
  return new SallyportError('not_found', `"${name}" has no authenticator app here`, {
    next: 'sallyport totp add, within 15 minutes of a new sign-in',
  });
}
