// Enrollment tokens, as the authority makes and knows them (their form is core/token.ts). The store holds
// SHA-256 of the whole text only.

import type { Enrollment } from '../../core/identity.ts';
import { formatToken, parseToken } from '../../core/token.ts';
import type { Random } from '../../platform/random.ts';
import { sha256 } from '../../wire/signed.ts';

const secretBytes = 32;

export function newToken(
  random: Random,
  about: { readonly kind: Enrollment['kind']; readonly rootFingerprint: string },
): string {
  return formatToken({ ...about, secret: Buffer.from(random.bytes(secretBytes)).toString('base64url') });
}

/** What the store knows the token by; undefined for a text that is no token at all. */
export function tokenHash(token: string): string | undefined {
  return parseToken(token) === undefined ? undefined : sha256(token);
}
