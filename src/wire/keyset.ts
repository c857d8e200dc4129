// The keyset statement: signed by the root, pinned by agents and operators (design section 4). Behind it, where
// the root was replaced, stand the certificates that lead from each older root to the one that signed it:
// "<statement>[ <NewWithOld, DER base64url, the oldest first>]…".

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { keyPurposes, type Keyset, type KeysetKey, type KeyPurpose } from '../core/keys.ts';
import { complete, text, whole, type Fields } from './fields.ts';
import { limits } from '../core/limits.ts';
import { followRoots } from './roots.ts';
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

export interface OpenedKeyset {
  readonly keyset: Keyset;
  /** Who signed it: the pinned root, or the newest that it leads to. To be pinned from now on. */
  readonly root: X509Certificate;
}

/** Undefined when neither the pinned root signed it, nor one that this leads to. */
export function openKeyset(text: string, pinned: X509Certificate): OpenedKeyset | undefined {
  const [statement = '', ...others] = text.split(' ');
  if (others.length >= limits.rootsMax) return undefined;
  const root = followRoots(
    pinned,
    others.map(readCertificate).filter((read) => read !== undefined),
  );
  const key = root.publicKey;
  const verified = verifyStatement('keyset', statement, (kid) => (kid === keyId(key) ? key : undefined));
  const keyset = verified.ok ? readKeyset(verified.payload) : undefined;
  return keyset === undefined ? undefined : { keyset, root };
}

/** As openKeyset reads it. */
export function withSuccessors(statement: string, successors: readonly X509Certificate[]): string {
  return [statement, ...successors.map(({ raw }) => raw.toString('base64url'))].join(' ');
}

function readCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(text, 'base64url'));
  } catch {
    return undefined;
  }
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
