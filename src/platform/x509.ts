// The one door to @peculiar/x509, which needs reflect-metadata loaded before it. Importing it costs
// 100 to 200 ms, so short commands reach this file only by a dynamic import.

import 'reflect-metadata';
import type { KeyObject, webcrypto } from 'node:crypto';
import { keyKind } from './keys.ts';

export * as x509 from '@peculiar/x509';

const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const ed25519 = { name: 'Ed25519' } as const;

/** What a key signs with: fixed by the key, never by a request. */
export function signingAlgorithmOf(key: KeyObject): { readonly name: string; readonly hash?: string } {
  return keyKind(key) === 'ed25519' ? ed25519 : { name: 'ECDSA', hash: 'SHA-256' };
}

/** The WebCrypto form of a key. Throws TypeError on a key that is neither P-256 nor Ed25519. */
export function toCryptoKey(key: KeyObject): webcrypto.CryptoKey {
  const kind = keyKind(key);
  if (kind === undefined) throw new TypeError('a certificate key is P-256 or Ed25519');
  const usage = key.type === 'private' ? 'sign' : 'verify';
  // Public keys must be extractable: they are written into certificates.
  return key.toCryptoKey(kind === 'p256' ? p256 : ed25519, key.type === 'public', [usage]);
}
