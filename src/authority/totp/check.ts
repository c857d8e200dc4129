// Whether a code is the one that a person's authenticator app shows now (RFC 6238), and never twice (section 5.2). The
// second factor of a terminal where policy takes one (@mfaBy("totp")): weaker than a passkey, since who sees the code
// can type it elsewhere within half a minute.

import type { TOTP } from 'otpauth';
import { SallyportError } from '../../core/errors.ts';
import type { Identity } from '../../core/identity.ts';
import type { Totp } from '../../core/sign-in.ts';
import type { Caller, AuthorityContext } from '../context.ts';
import type { TotpFacts } from '../sessions/session-facts.ts';
import { StoreConflict } from '../store/store.ts';

const period = 30;
const digits = 6;

export async function appOf(
  secret: string,
  label?: { readonly issuer: string; readonly name: string },
): Promise<TOTP> {
  // Loaded where somebody has an app: it would be a part of every start.
  const library = await import('otpauth');
  return new library.TOTP({
    secret: library.Secret.fromBase32(secret),
    algorithm: 'SHA1',
    digits,
    period,
    ...(label === undefined ? {} : { issuer: label.issuer, label: label.name }),
  });
}

/** The time step that the code is of; undefined: it is none of now, give or take one (RFC 6238, section 6). */
export async function stepOf(secret: string, code: string, now: number): Promise<number | undefined> {
  const token = code.replaceAll(/\s/g, '');
  if (!/^[0-9]{6}$/.test(token)) return undefined;
  const app = await appOf(secret);
  const delta = app.validate({ token, timestamp: now, window: 1 });
  return delta === null ? undefined : Math.floor(now / 1_000 / period) + delta;
}

/** What policy hears of codes. A wrong one is refused, whatever policy would say. Throws SallyportError. */
export async function totpFacts(
  ctx: AuthorityContext,
  caller: Pick<Caller, 'spki' | 'sourceIp'>,
  { identity, code }: { readonly identity: Identity; readonly code: string | undefined },
): Promise<TotpFacts | undefined> {
  const place = { identity: identity.id, cnf: caller.spki };
  if (code !== undefined) {
    await acceptCode(ctx, { identity, code, sourceIp: caller.sourceIp });
    ctx.codes.said(place, 'totp');
    return { ageMs: 0, isForThis: true };
  }
  const last = ctx.codes.find(place);
  return last === undefined ? undefined : { ageMs: last.ageMs, isForThis: false };
}

/** It is used up by this. Throws `denied` after the refusal is on the log, or `rate_limited`. */
export async function acceptCode(
  ctx: AuthorityContext,
  given: { readonly identity: Identity; readonly code: string; readonly sourceIp: string },
): Promise<void> {
  const { identity, code, sourceIp } = given;
  ctx.codeTries.requireLeft(identity.id);
  const stored = await ctx.store.get('totp', identity.id);
  const step = stored === undefined ? undefined : await stepOf(stored.value.secret, code, ctx.clock.now());
  if (stored === undefined || step === undefined || step <= stored.value.lastStep) {
    throw await refuse(ctx, given, stored === undefined ? 'no_app' : step === undefined ? 'wrong' : 'used');
  }
  const next: Totp = { ...stored.value, lastStep: step };
  try {
    await ctx.store.commit({
      changes: [{ put: 'totp', value: next, rev: stored.rev }],
      events: [
        {
          type: 'totp.accepted',
          actor: { kind: identity.kind, id: identity.id },
          outcome: 'success',
          identity: identity.id,
          body: { name: identity.name, sourceIp },
        },
      ],
    });
  } catch (error) {
    // Shown twice at once.
    if (error instanceof StoreConflict) throw await refuse(ctx, given, 'used');
    throw error;
  }
}

async function refuse(
  ctx: AuthorityContext,
  { identity, sourceIp }: { readonly identity: Identity; readonly sourceIp: string },
  why: 'no_app' | 'wrong' | 'used',
): Promise<SallyportError> {
  ctx.codeTries.refused(identity.id);
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'auth.failed',
        actor: { kind: identity.kind, id: identity.id },
        outcome: 'denied',
        code: 'totp',
        identity: identity.id,
        body: { door: 'totp', why, sourceIp },
      },
    ],
  });
  return new SallyportError('denied', 'this code was not accepted', {
    next:
      why === 'no_app'
        ? 'you have no authenticator app here: sign in anew, then: sallyport totp add'
        : 'wait for the next code of the app, each is good once; and compare the clocks of both',
  });
}
