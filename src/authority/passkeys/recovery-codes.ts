// Recovery codes: ten at a time, shown once, each good for one new passkey of the person who made them. The way back
// for who lost all his passkeys and finds no administrator. The store has their hashes: 100 random bits need no salt.

import type { Assertion, RecoveryCodes } from '../../api/passkeys.ts';
import type { IdentityId } from '../../core/ids.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { RecoveryCode } from '../../core/sign-in.ts';
import { sha256 } from '../../wire/signed.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import type { Change } from '../store/store.ts';
import type { Challenges } from './challenges.ts';
import { requireConsole } from './options.ts';
import { challengeOf, PasskeyRefused } from './verify.ts';
import { loggingRefusal, verifyOwn } from './verify-own.ts';

/** Crockford's base 32, as it is written by hand: no i, l, o, u. */
const letters = '0123456789abcdefghjkmnpqrstvwxyz';
const length = 20;

export function beginRecoveryCodes(
  ctx: AuthorityContext,
  caller: Operator,
  challenges: Challenges,
): { readonly options: Readonly<Record<string, unknown>> } {
  if (caller.signIn?.provider !== undefined) {
    throw new SallyportError('forbidden', 'a provider’s sign-in makes no recovery codes', {
      next: 'sign in with your passkey',
    });
  }
  const { host } = requireConsole(ctx);
  const challenge = challenges.make({ purpose: 'codes', identity: caller.identity.id }, caller.sourceIp);
  return {
    options: { challenge, rpId: host, userVerification: 'required', timeout: limits.challengeLifeMs },
  };
}

/** Those from before are worth nothing afterwards. */
export async function makeRecoveryCodes(
  ctx: AuthorityContext,
  caller: Operator,
  { assertion, challenges }: { readonly assertion: Assertion; readonly challenges: Challenges },
): Promise<RecoveryCodes> {
  const { identity } = caller;
  const challenge = challengeOf(assertion);
  const asked = challenges.take(challenge, 'codes');
  const { change, passkey } = await loggingRefusal(ctx, caller, async () => {
    if (challenge === undefined || asked?.identity !== identity.id) throw new PasskeyRefused('no_challenge');
    return await verifyOwn(ctx, caller, { assertion, challenge });
  });
  const codes = Array.from({ length: limits.recoveryCodesCount }, () => newCode(ctx));
  const createdAt = ctx.clock.now();
  await ctx.store.commit({
    changes: [
      change,
      ...(await withoutCodes(ctx, identity.id)),
      ...codes.map((code) => {
        const value: RecoveryCode = { id: codeHash(code), identity: identity.id, createdAt };
        return { put: 'recovery', value, rev: 0 } as const;
      }),
    ],
    events: [
      {
        type: 'recovery_codes.made',
        actor: actor(caller),
        outcome: 'success',
        identity: identity.id,
        body: { name: identity.name, count: codes.length, passkey: passkey.id, sourceIp: caller.sourceIp },
      },
    ],
  });
  return { codes };
}

export async function recoveryCodesLeft(
  ctx: AuthorityContext,
  caller: Operator,
): Promise<{ readonly left: number }> {
  return { left: await ctx.store.count('recovery', { identity: caller.identity.id }) };
}

export async function withoutCodes(ctx: AuthorityContext, identity: IdentityId): Promise<readonly Change[]> {
  const { items } = await ctx.store.list('recovery', { identity }, { limit: limits.apiPageMax });
  return items.map(({ value }) => ({ delete: 'recovery', id: value.id }));
}

/** However it was typed. */
export function codeHash(typed: string): string {
  const plain = typed
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replaceAll('o', '0')
    .replaceAll(/[il]/g, '1');
  return sha256(`recovery ${plain}`);
}

function newCode({ random }: Pick<AuthorityContext, 'random'>): string {
  // 256 is a multiple of 32: no letter is likelier.
  const picked = Array.from(random.bytes(length), (byte) => letters[byte % letters.length]).join('');
  return picked.replaceAll(/.{5}(?!$)/g, '$&-');
}
