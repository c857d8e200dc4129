// Whether an assertion shows what a machine is: a token of the provider that runs its job, with exactly the
// claims that were pinned, or one that the machine signed with a key of its own,
// its X.509-SVID's or another (RFC 7523). What the token says of
// how to verify it is never followed (negative tests I12, I13).

import type { KeyObject } from 'node:crypto';
import {
  decodeProtectedHeader,
  importSPKI,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyResult,
  type ProtectedHeaderParameters,
} from 'jose';
import type { WorkloadTrust } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { publicKeyOf } from '../../platform/keys.ts';
import { sha256 } from '../../wire/signed.ts';
import { keyOfSvid } from './check-svid.ts';
import type { IssuerKeys } from './issuer-keys.ts';

export interface AssertionFacts {
  readonly trust: WorkloadTrust;
  /** The name that the assertion has to be for. */
  readonly name: string;
  readonly trustDomain: string;
  /** Thumbprint of the key that the certificate will be for. */
  readonly spki: string;
  /** Unix ms. */
  readonly now: number;
}

export interface Assertion {
  /** The same for the same token, whatever its signature is written like. */
  readonly hash: string;
  /** Unix ms. */
  readonly expiresAt: number;
  /** What it says of the job, for the log. */
  readonly claims: Readonly<Record<string, string>>;
}

export const providerAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
/** Headers by which a token would bring its own key, or demand what we do not know. */
const foreignHeaders = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64'];
/** Worth a line on the log. */
const toldClaims = [
  'sub',
  'repository',
  'ref',
  'workflow',
  'run_id',
  'project_path',
  'job_id',
  'pipeline_id',
];

/** Throws Error with the reason, for the log alone. */
export async function checkAssertion(
  token: string,
  facts: AssertionFacts,
  keys: IssuerKeys,
): Promise<Assertion> {
  if (token.length > limits.assertionMaxLength) throw new Error('it is too long');
  const header = decodeProtectedHeader(token);
  const { trust } = facts;
  const known = trust.kind === 'svid' ? ['x5c'] : [];
  const foreign = foreignHeaders.find((name) => Object.hasOwn(header, name) && !known.includes(name));
  if (foreign !== undefined) throw new Error(`its header has "${foreign}"`);
  const { payload } =
    trust.kind === 'oidc'
      ? await checkProvider(token, trust, { ...facts, keys })
      : await checkOwn(token, ownKey(trust, header, facts.now), facts);
  const { exp } = payload;
  if (exp === undefined) throw new Error('it never expires');
  return {
    hash: sha256(token.slice(0, token.lastIndexOf('.'))),
    expiresAt: exp * 1_000,
    claims: told(payload),
  };
}

function ownKey(
  trust: Exclude<WorkloadTrust, { kind: 'oidc' }>,
  { x5c }: ProtectedHeaderParameters,
  now: number,
): KeyObject {
  if (trust.kind === 'key') return publicKeyOf(trust.spki);
  if (!Array.isArray(x5c)) throw new Error('it brings no SVID');
  return keyOfSvid(x5c, trust, now);
}

/** By the key, never by the header. */
function algorithmFor({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'rsa') return 'PS256';
  return asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'ES384' : 'ES256';
}

async function checkOwn(
  token: string,
  key: KeyObject,
  { name, trustDomain, spki, now }: AssertionFacts,
): Promise<JWTVerifyResult> {
  const algorithm = algorithmFor(key);
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  const verified = await jwtVerify(token, await importSPKI(pem, algorithm), {
    algorithms: [algorithm],
    issuer: name,
    subject: name,
    audience: trustDomain,
    requiredClaims: ['exp', 'iat', 'jti'],
    maxTokenAge: limits.ownAssertionMaxAgeMs / 1_000,
    clockTolerance: limits.assertionSkewMs / 1_000,
    currentDate: new Date(now),
  });
  const cnf = verified.payload['cnf'];
  const bound =
    typeof cnf === 'object' && cnf !== null ? (cnf as Record<string, unknown>)['spki'] : undefined;
  if (bound !== spki) throw new Error('it is bound to another key than the one of the request');
  return verified;
}

async function checkProvider(
  token: string,
  trust: Extract<WorkloadTrust, { kind: 'oidc' }>,
  { keys, now }: AssertionFacts & { readonly keys: IssuerKeys },
): Promise<JWTVerifyResult> {
  const verified = await jwtVerify(token, keys.finder(trust.issuer), {
    algorithms: providerAlgorithms,
    issuer: trust.issuer,
    audience: trust.audience,
    requiredClaims: ['exp', 'iat', 'sub'],
    clockTolerance: limits.assertionSkewMs / 1_000,
    currentDate: new Date(now),
  });
  const wrong = Object.entries(trust.claims).find(([name, value]) => verified.payload[name] !== value);
  if (wrong !== undefined) throw new Error(`its claim "${wrong[0]}" is not the pinned one`);
  return verified;
}

function told(payload: JWTPayload): Readonly<Record<string, string>> {
  const claims: Record<string, string> = {};
  for (const name of toldClaims) {
    const value = payload[name];
    if (typeof value === 'string') claims[name] = value.slice(0, 200);
  }
  return claims;
}
