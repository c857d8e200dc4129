// Signing the keyset: the root's word on which of the authority's keys is good for what. Agents and
// operators pin the root and learn every other key from here (wire/keyset.ts reads it back).

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Keyset, KeysetKey, KeyPurpose } from '../../core/keys.ts';
import { spkiOf } from '../../platform/keys.ts';
import { keyId, signStatement } from '../../wire/signed.ts';

/** The statement, signed by the root's key. */
export function signKeyset(keyset: Keyset, rootKey: KeyObject): string {
  const { version, trustDomain, env, notAfter } = keyset;
  const keys = keyset.keys.map(({ kid, purpose, spki }) => ({ kid, purpose, spki }));
  return signStatement(
    'keyset',
    { version, trustDomain, env, notAfter, keys },
    { kid: keyId(createPublicKey(rootKey)), privateKey: rootKey },
  );
}

/** A key's entry; takes either half of the pair. */
export function keysetKey(purpose: KeyPurpose, key: KeyObject): KeysetKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return { kid: keyId(publicKey), purpose, spki: spkiOf(publicKey).toString('base64url') };
}

/** Whether both name the same keys for the same purposes. */
export function sameKeys(one: readonly KeysetKey[], other: readonly KeysetKey[]): boolean {
  const text = (keys: readonly KeysetKey[]): string =>
    keys
      .map((key) => `${key.purpose} ${key.kid} ${key.spki}`)
      .sort()
      .join('\n');
  return text(one) === text(other);
}
