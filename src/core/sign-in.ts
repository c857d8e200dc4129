// How people are themselves in a browser: passkeys, and the sign-ins that they open (a browser login is a sign-in,
// never a session: design section 2).

import type { ProviderSession } from './identity.ts';
import type { IdentityId } from './ids.ts';

/** A WebAuthn credential of one person. The id is the SHA-256 of the authenticator's own, base64url. */
export interface Passkey {
  readonly id: string;
  /** The authenticator's id for it, base64url. */
  readonly credential: string;
  readonly identity: IdentityId;
  /** As its owner calls it. */
  readonly name: string;
  /** COSE_Key, base64url. */
  readonly publicKey: string;
  /** Of the authenticator; 0 where it keeps none. */
  readonly counter: number;
  /** Other devices of its owner may have it too. */
  readonly isSynced: boolean;
  readonly createdAt: number;
  readonly lastUsedAt?: number;
}

/** The authenticator app of one person (RFC 6238: SHA-1, six digits, 30 s). The id is the person's. */
export interface Totp {
  readonly id: IdentityId;
  /** Base 32 (RFC 4648). */
  readonly secret: string;
  /** Time step of the last code that was taken: none of it or before is taken again. */
  readonly lastStep: number;
  readonly createdAt: number;
}

/** One recovery code of a person. The id is the hash of the code, which is shown once. */
export interface RecoveryCode {
  readonly id: string;
  readonly identity: IdentityId;
  readonly createdAt: number;
}

/** A browser that a passkey, or a provider, let in. The id is the SHA-256 of the cookie's value, base64url. */
export interface SignIn {
  readonly id: string;
  readonly identity: IdentityId;
  readonly passkey?: string;
  readonly provider?: ProviderSession;
  readonly createdAt: number;
  readonly expiresAt: number;
}
