// The signed keyset (design section 4): which public keys of the authority are good for what. Only the
// root signs it; its version only rises; it expires.

export const keyPurposes = ['pass', 'ca', 'checkpoint', 'assertion'] as const;
export type KeyPurpose = (typeof keyPurposes)[number];

export interface KeysetKey {
  readonly kid: string;
  readonly purpose: KeyPurpose;
  /** SPKI DER, base64url. */
  readonly spki: string;
}

export interface Keyset {
  readonly version: number;
  readonly trustDomain: string;
  readonly env: string;
  /** Unix ms. */
  readonly notAfter: number;
  readonly keys: readonly KeysetKey[];
}
