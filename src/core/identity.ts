// Who: governed identities (design section 2) and the roles of this version. An identity is stored once
// and named everywhere by its id; the name is for people and may be erased.

import type { Fleet } from './fleet.ts';
import type { CredentialId, DeviceId, EnrollmentId, IdentityId } from './ids.ts';

export const identityKinds = ['human', 'machine', 'ai_agent', 'device'] as const;
export type IdentityKind = (typeof identityKinds)[number];

/** Kinds of certificate holders: the identities, and the broker's own two processes. */
export type PeerKind = IdentityKind | 'authority' | 'gate';

/**
 * An auditor sees what an administrator sees, and changes nothing. Whoever comes from a vendor has the last one, alone
 * and always: no policy that is written for others is his too.
 */
export const roles = ['owner', 'administrator', 'operator', 'approver', 'auditor', 'vendor'] as const;
export type Role = (typeof roles)[number];

/** What proves that a machine or an AI agent is itself (design section 4). */
export type WorkloadTrust =
  /** Assertions that it signs itself; SPKI DER, base64url. */
  | { readonly kind: 'key'; readonly spki: string }
  /** Assertions that it signs with the key of its X.509-SVID: exactly this SPIFFE ID, under one of these roots (PEM). */
  | { readonly kind: 'svid'; readonly spiffeId: string; readonly bundle: readonly string[] }
  /** Tokens of whoever runs it; each claim has to be exactly this. */
  | {
      readonly kind: 'oidc';
      readonly issuer: string;
      readonly audience: string;
      readonly claims: Readonly<Record<string, string>>;
    };

/** A person at an OpenID Connect provider: only both together are one person. */
export interface ProviderSubject {
  readonly issuer: string;
  readonly subject: string;
}

/** The session at a provider that something here stands on; `sid` where the provider names it. */
export interface ProviderSession {
  readonly issuer: string;
  readonly sid?: string;
}

export interface Identity {
  readonly id: IdentityId;
  readonly kind: Exclude<IdentityKind, 'device'>;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly tenant: string;
  /** Non-human identities have an owner and a purpose; for who comes from a vendor it is his sponsor. */
  readonly owner?: IdentityId;
  readonly purpose?: string;
  readonly trust?: WorkloadTrust;
  /** The firm that he, or it, comes from: with a sponsor and an end. */
  readonly vendor?: string;
  /** Who he is at the provider that made him known here (OpenID Connect Core, section 5.7); his roles are its word. */
  readonly provider?: ProviderSubject;
  readonly invitedBy?: IdentityId;
  readonly createdAt: number;
  readonly expiresAt?: number;
  /** Thumbprints of keys that he approves with and that outlive a sign-in: devices pin them (core/approver-set.ts). */
  readonly approverKeys?: readonly string[];
}

/** Whoever agrees to what an administrator asks for, and answers for the broker. */
export function isAdministrator({ roles: his }: Pick<Identity, 'roles'>): boolean {
  return his.includes('administrator') || his.includes('owner');
}

/** Whom no policy shuts out of the broker. */
export function isOwner({ kind, roles: his }: Pick<Identity, 'kind' | 'roles'>): boolean {
  return kind === 'human' && his.includes('owner');
}

/** A person of this house: who may answer for guests, and for what somebody leaves behind. */
export function isOfHouse({ kind, vendor }: Identity): boolean {
  return kind === 'human' && vendor === undefined;
}

/** One issued certificate. `spki` is the SHA-256 thumbprint of its key, base64url. */
export interface Credential {
  readonly id: CredentialId;
  readonly holder: IdentityId | DeviceId;
  readonly kind: PeerKind;
  readonly serial: string;
  readonly spki: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** When this key was enrolled, Unix ms; a renewal keeps it. Absent in records of before this was kept. */
  readonly since?: number;
  /** A provider's sign-in let the command in. */
  readonly provider?: ProviderSession;
  readonly revokedAt?: number;
}

/**
 * An invitation: for a device to join, for many devices, or for a person to make a key. Its token is stored
 * hashed, and works once, or as often as `fleet` says.
 */
export interface Enrollment {
  readonly id: EnrollmentId;
  readonly tenant: string;
  readonly kind: 'device' | 'human';
  readonly tokenHash: string;
  readonly name: string;
  /** device: who answers for it, its labels, and the id it will have. */
  readonly owner?: IdentityId;
  readonly labels?: Readonly<Record<string, string>>;
  readonly purpose?: string;
  readonly roles?: readonly Role[];
  /** human: the firm that he comes from, and when he is nobody here any more, Unix ms; `owner` is his sponsor. */
  readonly vendor?: { readonly name: string; readonly until: number };
  /** human: the existing identity that gets one more key; absent = a new identity. */
  readonly identity?: IdentityId;
  /** device: `name` is then a pattern. */
  readonly fleet?: Fleet;
  /** device: the one that gets another key and goes on under its name. */
  readonly replaces?: DeviceId;
  readonly createdBy: IdentityId | 'system';
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt?: number;
  readonly usedBy?: string;
}

/** How often the token still works, expiry apart. */
export function usesLeft({ fleet, usedAt }: Enrollment): number {
  if (fleet !== undefined) return fleet.count - fleet.used;
  return usedAt === undefined ? 1 : 0;
}
