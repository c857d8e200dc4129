// Whose approvals a device accepts that looks at them itself (design section 6): persons with their keys, and how
// many of them it takes. It is pinned on the device; a later version needs the yes of the one that is pinned, or a
// person on site. Pure.

import { isName } from './device.ts';
import type { IdentityId } from './ids.ts';
import { exactly } from './json.ts';
import { limits } from './limits.ts';
import type { Approval } from './request.ts';

/** `verify`: one of a person's keys. `verify+cli`: a passkey and a command's key of each, so that two displays agree. */
export const approvalChecks = ['off', 'verify', 'verify+cli'] as const;
export type ApprovalCheck = (typeof approvalChecks)[number];

export interface PinnedPasskey {
  /** SHA-256 of the authenticator's id for it, base64url. */
  readonly id: string;
  /** COSE_Key, base64url. */
  readonly publicKey: string;
}

export interface Person {
  /** Identity id at the broker. */
  readonly id: string;
  readonly name: string;
  readonly passkeys: readonly PinnedPasskey[];
  /** SPKI thumbprints of the keys of his commands, base64url. */
  readonly keys: readonly string[];
}

export interface ApproverSet {
  /** Of the broker, for people. */
  readonly broker: string;
  readonly version: number;
  /** Distinct persons. */
  readonly threshold: number;
  /** WebAuthn: relying party and exact origins; without passkeys "" and none. */
  readonly rpId: string;
  readonly origins: readonly string[];
  readonly persons: readonly Person[];
  /** Unix ms. */
  readonly expiresAt: number;
}

/** A set as the broker keeps it, with who said yes to it so far. The id is its version. */
export interface ApproverSetRecord {
  readonly id: string;
  readonly tenant: string;
  readonly set: ApproverSet;
  /** The version whose persons sign this one; absent: nobody's, it is pinned by hand. */
  readonly follows?: number;
  readonly signatures: readonly Approval[];
  readonly createdBy: IdentityId;
  /** Unix ms. */
  readonly createdAt: number;
}

/** What somebody signed with, once the signature was found good. */
export type SignedWith = { readonly passkey: string } | { readonly key: string };

/** Ids of the persons of the set whose yes is proven, as far as it is asked for. */
export function provenPersons(
  set: ApproverSet,
  check: Exclude<ApprovalCheck, 'off'>,
  proofs: readonly SignedWith[],
): ReadonlySet<string> {
  const passkeys = new Set(proofs.flatMap((proof) => ('passkey' in proof ? [proof.passkey] : [])));
  const keys = new Set(proofs.flatMap((proof) => ('key' in proof ? [proof.key] : [])));
  const proven = set.persons.filter((person) => {
    const byPasskey = person.passkeys.some(({ id }) => passkeys.has(id));
    const byKey = person.keys.some((key) => keys.has(key));
    return check === 'verify' ? byPasskey || byKey : byPasskey && byKey;
  });
  return new Set(proven.map(({ id }) => id));
}

const base64url = /^[A-Za-z0-9_-]+$/;
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

/** Undefined for whatever is not whole: nothing here is guessed. Unknown members are refused, since they are signed. */
export function parseApproverSet(value: unknown): ApproverSet | undefined {
  const fields = exactly(value, [
    'broker',
    'expiresAt',
    'origins',
    'persons',
    'rpId',
    'threshold',
    'version',
  ]);
  if (fields === undefined) return undefined;
  const { broker, version, threshold, rpId, origins, expiresAt } = fields;
  const persons = listOf(fields['persons'], limits.approverSetPersonsMax, parsePerson);
  const isWhole =
    typeof broker === 'string' &&
    isCount(version) &&
    isCount(threshold) &&
    isCount(expiresAt) &&
    typeof rpId === 'string' &&
    Array.isArray(origins) &&
    origins.length <= limits.approverKeysPerPersonMax &&
    origins.every((origin) => typeof origin === 'string') &&
    persons !== undefined &&
    threshold <= persons.length;
  if (!isWhole) return undefined;
  // One person, one yes: neither he nor one of his keys may stand there twice.
  const ids = persons.map(({ id }) => id);
  const own = persons.flatMap(({ passkeys, keys }) => [...passkeys.map(({ id }) => id), ...keys]);
  if (hasTwice(ids) || hasTwice(own)) return undefined;
  return { broker, version, threshold, rpId, origins, persons, expiresAt };
}

function parsePerson(value: unknown): Person | undefined {
  const fields = exactly(value, ['id', 'keys', 'name', 'passkeys']);
  if (fields === undefined) return undefined;
  const { id, name } = fields;
  const passkeys = listOf(fields['passkeys'], limits.approverKeysPerPersonMax, parsePasskey);
  const keys = listOf(fields['keys'], limits.approverKeysPerPersonMax, (key) =>
    typeof key === 'string' && thumbprint.test(key) ? key : undefined,
  );
  const isNamed = typeof id === 'string' && id.length > 0 && typeof name === 'string' && isName(name);
  if (!isNamed || passkeys === undefined || keys === undefined) return undefined;
  return passkeys.length + keys.length === 0 ? undefined : { id, name, passkeys, keys };
}

function parsePasskey(value: unknown): PinnedPasskey | undefined {
  const fields = exactly(value, ['id', 'publicKey']);
  const { id, publicKey } = fields ?? {};
  const isWhole =
    typeof id === 'string' &&
    thumbprint.test(id) &&
    typeof publicKey === 'string' &&
    base64url.test(publicKey);
  return isWhole ? { id, publicKey } : undefined;
}

function listOf<T>(
  value: unknown,
  max: number,
  read: (item: unknown) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined;
  const items = (value as readonly unknown[]).map(read);
  const whole = items.filter((item) => item !== undefined);
  return whole.length === items.length ? whole : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function hasTwice(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length;
}
