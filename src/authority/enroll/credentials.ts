// Credentials of people and devices: issuing one, and the changes that revoke or forget them. A
// credential's id is made from its certificate's serial, so that a connection is checked by one read.

import type { KeyObject } from 'node:crypto';
import { SallyportError } from '../../core/errors.ts';
import { newId, parseId, type CredentialId, type DeviceId, type IdentityId } from '../../core/ids.ts';
import type { Credential, Identity, IdentityKind, ProviderSession } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import type { AuthorityContext } from '../context.ts';
import { issueLeaf } from '../pki/leaf.ts';
import { csrFaultWords, readCsr } from '../pki/read-csr.ts';
import type { Change } from '../store/store.ts';

/** The id of the credential whose certificate has this serial (lower-case hex, 16 bytes). */
export function credentialIdOf(serial: string): CredentialId {
  const bytes = Buffer.from(serial.padStart(32, '0'), 'hex');
  // A serial that is not ours has no credential: an id that was never given says so.
  return newId('crd', bytes.length === 16 ? bytes : new Uint8Array(16));
}

export interface CsrKey {
  readonly publicKey: KeyObject;
  readonly spki: string;
}

/** The key of a certificate request. Throws `invalid` with what is wrong with it. */
export function requireCsr(pem: string): CsrKey {
  const read = readCsr(pem);
  if (!read.ok) throw new SallyportError('invalid', csrFaultWords[read.fault]);
  return read;
}

export interface Holder {
  readonly id: IdentityId | DeviceId;
  readonly kind: IdentityKind;
  readonly key: CsrKey;
  /** Never valid past this, Unix ms. */
  readonly until?: number;
  /** The provider's sign-in that it stands on. */
  readonly provider?: ProviderSession;
  /** When the key was enrolled, Unix ms; default: now. */
  readonly since?: number;
}

export interface IssuedCredential {
  readonly credential: Credential;
  /** PEM, leaf first, without the root. */
  readonly chainPem: string;
}

const lifeOf: Readonly<Record<IdentityKind, number>> = {
  human: limits.humanCertificateLifeMs,
  device: limits.deviceCertificateLifeMs,
  machine: limits.machineCertificateLifeMs,
  ai_agent: limits.machineCertificateLifeMs,
};

/** Signs a certificate. The caller commits the credential before it hands the certificate out. */
export async function issueCredential(ctx: AuthorityContext, holder: Holder): Promise<IssuedCredential> {
  const { id, kind, key, until, provider, since } = holder;
  const now = ctx.clock.now();
  const fullLifeMs = lifeOf[kind];
  const leaf = await issueLeaf(ctx.pki.issuingCa, {
    publicKey: key.publicKey,
    name: { trustDomain: ctx.pki.trustDomain, env: ctx.pki.env, kind, id },
    lifeMs: until === undefined ? fullLifeMs : Math.min(fullLifeMs, until - now),
    now,
    random: ctx.random,
  });
  const { serial, spki, notBefore, notAfter } = leaf;
  return {
    credential: {
      id: credentialIdOf(serial),
      holder: id,
      kind,
      serial,
      spki,
      notBefore,
      notAfter,
      since: since ?? now,
      ...(provider === undefined ? {} : { provider }),
    },
    chainPem: leaf.chainPem,
  };
}

/** Whether this key was ever enrolled here: one key, one holder. */
export async function isKeyKnown(ctx: AuthorityContext, spki: string): Promise<boolean> {
  return (
    (await ctx.store.find('credential', { spki })) !== undefined ||
    (await ctx.store.find('device', { spki })) !== undefined
  );
}

/** Every credential of the holder that could still be used, revoked. With `spki`, those of that key. */
export async function revokeCredentials(
  ctx: AuthorityContext,
  which: { readonly holder: IdentityId | DeviceId; readonly spki?: string },
): Promise<readonly Change[]> {
  const now = ctx.clock.now();
  return (await credentialsOf(ctx, which))
    .filter((credential) => credential.revokedAt === undefined && credential.notAfter >= now)
    .map((credential) => ({ put: 'credential', value: { ...credential, revokedAt: now } }));
}

/**
 * Deletes the holder's expired credentials, for the commit that adds a new one of the same key: hourly
 * renewals must not pile up. The key itself stays known by the new one; a revoked one is kept.
 */
export async function forgetExpired(
  ctx: AuthorityContext,
  which: { readonly holder: IdentityId | DeviceId; readonly spki: string },
): Promise<readonly Change[]> {
  const now = ctx.clock.now();
  return (await credentialsOf(ctx, which))
    .filter((credential) => credential.revokedAt === undefined && credential.notAfter < now)
    .map(({ id }) => ({ delete: 'credential', id }));
}

/** At most one page: forgetExpired keeps the list short. */
/** Who signs in, or did, by the key of that thumbprint; undefined where he is nobody of this tenant. */
export async function holderOfKey(ctx: AuthorityContext, spki: string): Promise<Identity | undefined> {
  const { items } = await ctx.store.list('credential', { spki }, { limit: 1 });
  const id = parseId('idn', items[0]?.value.holder ?? '');
  return id === undefined ? undefined : (await ctx.store.get('identity', id))?.value;
}

export async function credentialsOf(
  ctx: AuthorityContext,
  which: { readonly holder: string; readonly spki?: string },
): Promise<readonly Credential[]> {
  const page = await ctx.store.list('credential', which, { order: 'newest', limit: limits.apiPageMax });
  return page.items.map(({ value }) => value);
}
