// Signed statements: the one form of everything that one party signs and another checks (docs/protocol.md,
// "Statements"). Text form: base64url(payload) "." base64url(signature). The payload is RFC 8785 JSON with
// a `kid`; the signature covers "sallyport/<purpose>/v1" || 0x00 || payload, so a statement made for one
// purpose is worth nothing for another. Ed25519 (RFC 8032) or ECDSA P-256 with SHA-256 in IEEE P1363 form,
// by the key's own type: the statement cannot choose the algorithm.

import { createHash, sign, verify, type KeyObject } from 'node:crypto';
import { limits } from '../core/limits.ts';
import { canonicalJson, parseJsonObject, type JsonObject } from '../core/json.ts';
import { derFromP1363, p1363FromDer } from './ecdsa-form.ts';

export type Purpose =
  | 'pass'
  | 'open'
  | 'lease'
  | 'welcome'
  | 'keyset'
  | 'receipt'
  | 'renewal'
  | 'renewed'
  | 'approval'
  | 'approvers'
  | 'breakglass'
  | 'onsite';

export type StatementFault = 'malformed' | 'unknown_key' | 'bad_signature';

export type Verified =
  | { readonly ok: true; readonly payload: Readonly<Record<string, unknown>>; readonly kid: string }
  | { readonly ok: false; readonly fault: StatementFault };

/** SHA-256 of the SPKI DER, base64url: thumbprint and `cnf`. */
export function spkiThumbprint(key: KeyObject): string {
  return sha256(key.export({ type: 'spki', format: 'der' }));
}

/** The first 16 characters of the thumbprint name a key inside a keyset. */
export function keyId(key: KeyObject): string {
  return keyIdOf(spkiThumbprint(key));
}

export function keyIdOf(thumbprint: string): string {
  return thumbprint.slice(0, 16);
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('base64url');
}

/** SHA-256 of the canonical text, base64url: the hash that binds parameters to a pass. */
export function jsonHash(value: JsonObject): string {
  return sha256(canonicalJson(value));
}

export interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** Signs a payload. `kid` is added to it. */
export function signStatement(purpose: Purpose, payload: JsonObject, signer: Signer): string {
  const bytes = Buffer.from(canonicalJson({ ...payload, kid: signer.kid }), 'utf8');
  const digest = digestFor(signer.privateKey);
  const made = sign(digest, signedBytes(purpose, bytes), signer.privateKey);
  const signature = digest === null ? made : p1363FromDer(made);
  return `${bytes.toString('base64url')}.${signature.toString('base64url')}`;
}

/**
 * Checks form, key and signature, in that order. The payload still has to be parsed by its own reader;
 * `findKey` sees it before it is known to be genuine, for statements that carry their key.
 */
export function verifyStatement(
  purpose: Purpose,
  text: string,
  findKey: (kid: string, payload: Readonly<Record<string, unknown>>) => KeyObject | undefined,
): Verified {
  if (text.length > limits.statementMaxBytes) return { ok: false, fault: 'malformed' };
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/.exec(text);
  if (match === null) return { ok: false, fault: 'malformed' };
  const bytes = Buffer.from(match[1] ?? '', 'base64url');
  const payload = parseJsonObject(bytes.toString('utf8'));
  const kid = payload?.['kid'];
  if (payload === undefined || typeof kid !== 'string') return { ok: false, fault: 'malformed' };
  const key = findKey(kid, payload);
  if (key === undefined) return { ok: false, fault: 'unknown_key' };
  const digest = digestFor(key);
  const signature = Buffer.from(match[2] ?? '', 'base64url');
  const given = digest === null ? signature : derFromP1363(signature);
  const valid = verify(digest, signedBytes(purpose, bytes), key, given);
  return valid ? { ok: true, payload, kid } : { ok: false, fault: 'bad_signature' };
}

function signedBytes(purpose: Purpose, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`sallyport/${purpose}/v1\0`, 'utf8'), payload]);
}

function digestFor(key: KeyObject): null | 'sha256' {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return null;
    case 'ec':
      if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'sha256';
      throw new TypeError('an EC key must be on P-256');
    default:
      throw new TypeError(`a ${key.asymmetricKeyType ?? 'secret'} key cannot sign statements`);
  }
}
