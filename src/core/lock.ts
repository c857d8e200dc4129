// A lock: a standing No that beats every grant. Checked at issue, at connect and at every channel, and
// it cuts what is live. Whether a thing is locked is derived from the standing locks, never stored.

import type { Identity, Role } from './identity.ts';
import type { DeviceId, IdentityId, LockId, ServiceId, SessionId } from './ids.ts';

export type LockSelector =
  | { readonly kind: 'identity'; readonly id: IdentityId }
  | { readonly kind: 'device'; readonly id: DeviceId }
  | { readonly kind: 'service'; readonly id: ServiceId }
  | { readonly kind: 'session'; readonly id: SessionId }
  | { readonly kind: 'role'; readonly id: Role }
  /** One key that somebody signs in by: SPKI thumbprint, base64url. */
  | { readonly kind: 'credential'; readonly id: string }
  /** Everybody of a firm. */
  | { readonly kind: 'vendor'; readonly id: string }
  /** Every session that names it. */
  | { readonly kind: 'ticket'; readonly id: string }
  /** Everybody and every device of it. */
  | { readonly kind: 'tenant'; readonly id: string }
  /** Every session, present and future; links and sign-ins stay: how a restored broker begins. */
  | { readonly kind: 'all_sessions'; readonly id: '*' };

/** What somebody may place a lock on. */
export const lockableKinds = [
  'identity',
  'device',
  'service',
  'session',
  'credential',
  'role',
  'vendor',
  'ticket',
  'tenant',
] as const satisfies readonly LockSelector['kind'][];

export interface Lock {
  readonly id: LockId;
  /** Whose lock it is: what it says of a role, a firm or a ticket is said of this tenant alone. */
  readonly tenant: string;
  readonly selector: LockSelector;
  readonly reason: string;
  readonly createdBy: IdentityId | 'system';
  readonly createdAt: number;
  readonly expiresAt?: number;
}

/** What a lock may match: everything about one session, link or credential. */
export interface LockSubject {
  readonly tenant: string;
  readonly identity?: IdentityId | undefined;
  /** The person or owner behind the identity: a lock on the human cuts his agents. */
  readonly owner?: IdentityId | undefined;
  /** For whom it acts: a lock on any of them cuts it. */
  readonly behalf?: readonly IdentityId[] | undefined;
  /** Thumbprint of the key that he showed, or that opened the session. */
  readonly credential?: string | undefined;
  readonly roles?: readonly Role[] | undefined;
  readonly vendor?: string | undefined;
  readonly ticket?: string | undefined;
  readonly device?: DeviceId | undefined;
  readonly service?: ServiceId | undefined;
  readonly session?: SessionId | undefined;
}

/** All of an identity that a lock may match. */
export function asSubject({ id, tenant, owner, roles, vendor }: Identity): LockSubject {
  return { tenant, identity: id, owner, roles, vendor };
}

/** It is his, of something that he answers for, or opened for him. */
export function concernsIdentity({ identity, owner, behalf }: LockSubject, id: IdentityId): boolean {
  return identity === id || owner === id || behalf?.includes(id) === true;
}

export function lockMatches(lock: Lock, subject: LockSubject, now: number): boolean {
  if (lock.expiresAt !== undefined && lock.expiresAt <= now) return false;
  switch (lock.selector.kind) {
    case 'identity':
      return concernsIdentity(subject, lock.selector.id);
    case 'device':
      return lock.selector.id === subject.device;
    case 'service':
      return lock.selector.id === subject.service;
    case 'session':
      return lock.selector.id === subject.session;
    case 'credential':
      return lock.selector.id === subject.credential;
    case 'role':
      return lock.tenant === subject.tenant && subject.roles?.includes(lock.selector.id) === true;
    case 'vendor':
      return lock.tenant === subject.tenant && lock.selector.id === subject.vendor;
    case 'ticket':
      return lock.tenant === subject.tenant && lock.selector.id === subject.ticket;
    case 'tenant':
      return lock.selector.id === subject.tenant;
    case 'all_sessions':
      return subject.identity !== undefined && subject.device !== undefined;
    default:
      return lock.selector satisfies never;
  }
}

export function findLock(locks: Iterable<Lock>, subject: LockSubject, now: number): Lock | undefined {
  for (const lock of locks) if (lockMatches(lock, subject, now)) return lock;
  return undefined;
}
