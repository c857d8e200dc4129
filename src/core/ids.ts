// Identifiers: a noun's prefix, an underscore, 26 characters of Crockford base32 (128 random bits).
// The prefix makes an id readable in a log line; the randomness makes it unguessable. Pure: the
// caller brings the random bytes.

export type DeviceId = string & { readonly __id: 'dev' };
export type ServiceId = string & { readonly __id: 'svc' };
export type IdentityId = string & { readonly __id: 'idn' };
export type SessionId = string & { readonly __id: 'ses' };
export type LinkId = string & { readonly __id: 'lnk' };
export type LockId = string & { readonly __id: 'lck' };
export type EnrollmentId = string & { readonly __id: 'enr' };
export type PolicyRevisionId = string & { readonly __id: 'pol' };
export type CredentialId = string & { readonly __id: 'crd' };
export type WindowId = string & { readonly __id: 'win' };
export type RequestId = string & { readonly __id: 'req' };
export type DelegationId = string & { readonly __id: 'dlg' };
export type ChangeId = string & { readonly __id: 'chg' };
export type EventId = string & { readonly __id: 'evt' };

interface IdTypes {
  readonly dev: DeviceId;
  readonly svc: ServiceId;
  readonly idn: IdentityId;
  readonly ses: SessionId;
  readonly lnk: LinkId;
  readonly lck: LockId;
  readonly enr: EnrollmentId;
  readonly pol: PolicyRevisionId;
  readonly crd: CredentialId;
  readonly req: RequestId;
  readonly win: WindowId;
  readonly dlg: DelegationId;
  readonly chg: ChangeId;
  readonly evt: EventId;
}
export type IdPrefix = keyof IdTypes;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idBytes = 16;

/** Makes an id from 16 random bytes. Throws RangeError on any other length. */
export function newId<P extends IdPrefix>(prefix: P, random: Uint8Array): IdTypes[P] {
  if (random.length !== idBytes) throw new RangeError(`an id needs ${idBytes} random bytes`);
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of random) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >>> bits) & 31];
      value &= (1 << bits) - 1;
    }
  }
  text += alphabet[(value << (5 - bits)) & 31];
  return `${prefix}_${text}` as IdTypes[P];
}

const idPattern = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/;

/** Reads an id typed by a person or a peer; undefined when it is not one with this prefix. */
export function parseId<P extends IdPrefix>(prefix: P, text: string): IdTypes[P] | undefined {
  return text.startsWith(`${prefix}_`) && idPattern.test(text) ? (text as IdTypes[P]) : undefined;
}
