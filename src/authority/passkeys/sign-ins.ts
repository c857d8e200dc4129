// Sign-ins of browsers: a cookie with 32 random bytes, of which the store keeps the hash. One ends at its time, when
// it was left alone for long, at sign-out, and with the passkey or the person that it stands on.

import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import type { IdentityId } from '../../core/ids.ts';
import type { Identity, ProviderSession } from '../../core/identity.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Passkey, SignIn } from '../../core/sign-in.ts';
import { sha256 } from '../../wire/signed.ts';
import { eachRecord } from '../admin/each-record.ts';
import { actor } from '../admin/operator.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import type { Change } from '../store/store.ts';
import type { Sweep } from '../sweep.ts';

/** The prefix makes browsers refuse it from elsewhere (RFC 6265bis, section 4.1.3.2). */
export const cookieName = '__Host-sallyport';

const cookiePattern = new RegExp(`(?:^|; )${cookieName}=([A-Za-z0-9_-]{43})(?=;|$)`, 'g');

/** The value of the one such cookie; undefined where there is none, or more than one (negative test H8). */
export function readCookie(header: string | undefined): string | undefined {
  const found = [...(header ?? '').matchAll(cookiePattern)];
  return found.length === 1 ? found[0]?.[1] : undefined;
}

/** For Set-Cookie. Undefined ends it. */
export function cookieText(value: string | undefined): string {
  const kept = value === undefined ? '; Max-Age=0' : `; Max-Age=${limits.signInLifeMs / 1_000}`;
  return `${cookieName}=${value ?? ''}; Path=/; Secure; HttpOnly; SameSite=Strict${kept}`;
}

/** A sign-in that is not written yet. */
export interface NewSignIn {
  readonly cookie: string;
  readonly signIn: SignIn;
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
}

/** What let the browser in. */
export type By = { readonly passkey: Passkey } | { readonly provider: ProviderSession };

function told(by: By): JsonObject {
  if ('passkey' in by) return { passkey: by.passkey.id, passkeyName: by.passkey.name };
  return { provider: by.provider.issuer };
}

export async function newSignIn(
  ctx: AuthorityContext,
  { identity, by, sourceIp }: { readonly identity: Identity; readonly by: By; readonly sourceIp: string },
): Promise<NewSignIn> {
  const cookie = Buffer.from(ctx.random.bytes(32)).toString('base64url');
  const now = ctx.clock.now();
  const signIn: SignIn = {
    id: sha256(cookie),
    identity: identity.id,
    ...('passkey' in by ? { passkey: by.passkey.id } : { provider: by.provider }),
    createdAt: now,
    expiresAt: Math.min(now + limits.signInLifeMs, identity.expiresAt ?? Infinity),
  };
  return {
    cookie,
    signIn,
    changes: [...(await surplus(ctx, identity.id)), { put: 'signin', value: signIn, rev: 0 }],
    events: [
      {
        type: 'sign_in.started',
        actor: { kind: 'human', id: identity.id },
        outcome: 'success',
        identity: identity.id,
        body: { name: identity.name, ...told(by), sourceIp },
      },
    ],
  };
}

/** The newest stay. */
async function surplus(ctx: AuthorityContext, identity: IdentityId): Promise<readonly Change[]> {
  const { items } = await ctx.store.list(
    'signin',
    { identity },
    { order: 'newest', limit: limits.apiPageMax },
  );
  return items
    .slice(limits.signInsPerIdentityMax - 1)
    .map(({ value }) => ({ delete: 'signin', id: value.id }));
}

/** Every sign-in of a person ended, or those that `which` says. */
export async function endedSignIns(
  ctx: AuthorityContext,
  identity: IdentityId,
  which: (signIn: SignIn) => boolean = () => true,
): Promise<readonly Change[]> {
  const { items } = await ctx.store.list(
    'signin',
    { identity },
    { order: 'newest', limit: limits.apiPageMax },
  );
  return items.filter(({ value }) => which(value)).map(({ value }) => ({ delete: 'signin', id: value.id }));
}

/** Which sign-ins are in use: their last calls, in memory. After a restart each has its full time again. */
export class SignIns {
  readonly #ctx: AuthorityContext;
  readonly #lastCalls = new Map<string, number>();

  constructor(ctx: AuthorityContext) {
    this.#ctx = ctx;
  }

  /** Undefined: unknown, or over. Counts as a use. */
  async find(cookie: string): Promise<SignIn | undefined> {
    const { store, clock } = this.#ctx;
    const id = sha256(cookie);
    const signIn = (await store.get('signin', id))?.value;
    if (signIn === undefined || signIn.expiresAt <= clock.now()) return undefined;
    const last = this.#lastCalls.get(id);
    if (last !== undefined && clock.bootMs() - last > limits.signInIdleMs) return undefined;
    this.#lastCalls.set(id, clock.bootMs());
    return signIn;
  }

  readonly sweep: Sweep = {
    everyMs: 10 * 60_000,
    failure: 'could not forget sign-ins that are over',
    run: async ({ store, clock }) => {
      const idle = (id: string): boolean =>
        clock.bootMs() - (this.#lastCalls.get(id) ?? Infinity) > limits.signInIdleMs;
      const kept = new Set<string>();
      for await (const { value } of eachRecord(store, 'signin')) {
        if (value.expiresAt > clock.now() && !idle(value.id)) kept.add(value.id);
        else await store.commit({ changes: [{ delete: 'signin', id: value.id }], events: [] });
      }
      for (const id of this.#lastCalls.keys()) if (!kept.has(id)) this.#lastCalls.delete(id);
    },
  };
}

export async function endSignIn(ctx: AuthorityContext, caller: Caller): Promise<{ readonly done: true }> {
  const { signIn } = caller;
  if (signIn === undefined)
    throw new SallyportError('invalid', 'this is no sign-in of a browser', {
      next: 'sallyport logout',
    });
  await ctx.store.commit({
    changes: [{ delete: 'signin', id: signIn.id }],
    events: [
      {
        type: 'sign_in.ended',
        actor: actor(caller),
        outcome: 'success',
        identity: signIn.identity,
        body: {
          ...(signIn.passkey === undefined ? {} : { passkey: signIn.passkey }),
          ...(signIn.provider === undefined ? {} : { provider: signIn.provider.issuer }),
          why: 'signed out',
          sourceIp: caller.sourceIp,
        },
      },
    ],
  });
  return { done: true };
}
