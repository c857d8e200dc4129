// A logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6): whose sign-in ended at the provider. Each is
// good once.

import { jwtVerify } from 'jose';
import { limits } from '../../core/limits.ts';
import { sha256 } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import { StoreConflict } from '../store/store.ts';
import type { IssuerKeys } from '../workload/issuer-keys.ts';
import { providerAlgorithms } from '../workload/check-assertion.ts';
import type { ProviderConfig } from './config.ts';
import { ProviderRefused } from './provider.ts';

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

/** At least one of the two. */
export interface Logout {
  readonly subject?: string;
  readonly sid?: string;
}

/** Throws ProviderRefused. */
export async function readLogout(
  ctx: AuthorityContext,
  token: string,
  { config, keys }: { readonly config: ProviderConfig; readonly keys: IssuerKeys },
): Promise<Logout> {
  const { sub, sid, jti, exp } = await verified(ctx, token, { config, keys });
  const id = `logout ${sha256(JSON.stringify([config.issuer, jti]))}`;
  const now = ctx.clock.now();
  // As long as it could be shown again: no longer than the times in it let it.
  const expiresAt = Math.max(now, exp === undefined ? 0 : exp * 1_000) + limits.logoutMaxAgeMs;
  try {
    await ctx.store.commit({ changes: [{ put: 'assertion', value: { id, expiresAt }, rev: 0 }], events: [] });
  } catch (error) {
    if (error instanceof StoreConflict) throw new ProviderRefused('the logout token was used before');
    throw error;
  }
  return { ...(sub === undefined ? {} : { subject: sub }), ...(sid === undefined ? {} : { sid }) };
}

async function verified(
  ctx: AuthorityContext,
  token: string,
  { config, keys }: { readonly config: ProviderConfig; readonly keys: IssuerKeys },
): Promise<{
  readonly sub: string | undefined;
  readonly sid: string | undefined;
  readonly jti: string;
  readonly exp: number | undefined;
}> {
  if (token.length > limits.assertionMaxLength) throw new ProviderRefused('the logout token is too long');
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys.finder(config.issuer), {
      algorithms: providerAlgorithms,
      issuer: config.issuer,
      audience: config.clientId,
      requiredClaims: ['iat', 'jti', 'events'],
      maxTokenAge: limits.logoutMaxAgeMs / 1_000,
      clockTolerance: limits.assertionSkewMs / 1_000,
      currentDate: new Date(ctx.clock.now()),
    });
    const { sub, jti = '', exp } = payload;
    const { sid, events, nonce } = payload as {
      readonly sid?: unknown;
      readonly events?: unknown;
      readonly nonce?: unknown;
    };
    const isLogout = typeof events === 'object' && events !== null && Object.hasOwn(events, logoutEvent);
    // With a nonce it is an ID token in disguise (section 2.4); other tokens of the provider say no such event.
    if (!isLogout || nonce !== undefined) throw new Error('it is no logout token');
    const { typ } = protectedHeader;
    if (typ !== undefined && !/^(?:application\/)?(?:logout\+)?jwt$/i.test(typ))
      throw new Error(`it is a "${typ}"`);
    const session = typeof sid === 'string' ? sid : undefined;
    if (sub === undefined && session === undefined) throw new Error('it says nobody');
    return { sub, sid: session, jti, exp };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new ProviderRefused(`logout token: ${error.message}`, { cause: error });
  }
}
