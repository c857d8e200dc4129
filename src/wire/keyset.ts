// The keyset statement: signed by the root, pinned by agents and operators (design section 4).

import { createPublicKey, type KeyObject } from 'node:crypto';
import { keyPurposes, type Keyset, type KeysetKey, type KeyPurpose } from '../core/keys.ts';
import { complete, text, whole, type Fields } from './fields.ts';
import { keyId, verifyStatement } from './signed.ts';

export function readKeyset(fields: Fields): Keyset | undefined {
  const list = fields['keys'];
  if (!Array.isArray(list) || list.length > 32) return undefined;
  const keys: KeysetKey[] = [];
  for (const item of list as readonly unknown[]) {
    const key = typeof item === 'object' && item !== null ? readKey(item as Fields) : undefined;
    if (key === undefined) return undefined;
    keys.push(key);
  }
  return complete<Keyset>({
    version: whole(fields, 'version'),
    trustDomain: text(fields, 'trustDomain'),
    env: text(fields, 'env'),
    notAfter: whole(fields, 'notAfter'),
    keys,
  });
}

/** Verifies a keyset statement against the pinned root key; undefined when it is not the root's. */
export function openKeyset(statement: string, root: KeyObject): Keyset | undefined {
  const verified = verifyStatement('keyset', statement, (kid) => (kid === keyId(root) ? root : undefined));
  return verified.ok ? readKeyset(verified.payload) : undefined;
}

/** The keys of one purpose, ready for verifyStatement. */
export function keyFinder(keyset: Keyset, purpose: KeyPurpose): (kid: string) => KeyObject | undefined {
  const keys = new Map<string, KeyObject>();
  for (const key of keyset.keys) {
    if (key.purpose !== purpose) continue;
    keys.set(
      key.kid,
      createPublicKey({ key: Buffer.from(key.spki, 'base64url'), format: 'der', type: 'spki' }),
    );
  }
  return (kid) => keys.get(kid);
}

function readKey(fields: Fields): KeysetKey | undefined {
  const purpose = fields['purpose'];
  return complete<KeysetKey>({
    kid: text(fields, 'kid'),
    purpose: keyPurposes.find((known): known is KeyPurpose => known === purpose),
    spki: text(fields, 'spki'),
  });
}
