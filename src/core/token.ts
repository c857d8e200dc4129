// The one-time token that a device or a person joins with (docs/protocol.md, "Tokens"):
// "sp2.<d|h>.<secret>.<root fingerprint>". The fingerprint is what makes a first contact safe: whoever
// pastes the token brings the knowledge of which broker it is for. Pure.

export interface JoinToken {
  readonly kind: 'device' | 'human';
  /** 32 random bytes, base64url. */
  readonly secret: string;
  /** SHA-256 of the root key's SPKI, base64url: the same for each certificate of that root. */
  readonly rootFingerprint: string;
}

/** 32 bytes are 43 characters of base64url; the last one carries four bits only. */
const pattern = /^sp2\.([dh])\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

export function formatToken(token: JoinToken): string {
  const text = `sp2.${token.kind === 'device' ? 'd' : 'h'}.${token.secret}.${token.rootFingerprint}`;
  if (parseToken(text) === undefined) throw new RangeError('a token needs two values of 32 bytes');
  return text;
}

/** Undefined for anything but the exact form. */
export function parseToken(text: string): JoinToken | undefined {
  const [, kind, secret, rootFingerprint] = pattern.exec(text) ?? [];
  if (kind === undefined || secret === undefined || rootFingerprint === undefined) return undefined;
  return { kind: kind === 'd' ? 'device' : 'human', secret, rootFingerprint };
}
