// Enrollment tokens (docs/protocol.md, "Tokens"): sp1.<d|h>.<secret>.<root fingerprint>. The store holds
// SHA-256 of the whole text only.

import type { Enrollment } from '../../core/identity.ts';
import type { Random } from '../../platform/random.ts';
import { sha256 } from '../../wire/signed.ts';

const secretBytes = 32;
const letters = { device: 'd', human: 'h' } as const satisfies Record<Enrollment['kind'], string>;
const tokenPattern = /^sp1\.[dh]\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$/;

export function newToken(
  random: Random,
  about: { readonly kind: Enrollment['kind']; readonly rootFingerprint: string },
): string {
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  return `sp1.${letters[about.kind]}.${secret}.${about.rootFingerprint}`;
}

/** What the store knows the token by; undefined for a text that is no token at all. */
export function tokenHash(token: string): string | undefined {
  return tokenPattern.test(token) ? sha256(token) : undefined;
}
