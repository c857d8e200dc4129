// Break-glass: when those are away who would approve, or what they sign in by, some of the keys that lie
// offline sign one sealed request. It opens one session, for minutes, alarms everybody, and is reviewed within a day.

import type { IdentityId, LockId, RequestId } from './ids.ts';
import { exactly } from './json.ts';
import { limits } from './limits.ts';
import { parseTarget } from './target.ts';

/** Which keys, and how many of them it takes. */
export interface BreakGlassKeys {
  readonly need: number;
  readonly keys: readonly {
    /** Whoever keeps it, for people. */
    readonly name: string;
    /** SPKI thumbprint, base64url. */
    readonly spki: string;
  }[];
}

/** What the keys sign the hash of. Made by the command of who wants in, without asking anybody. */
export interface SealedRequest {
  readonly trustDomain: string;
  readonly identity: { readonly id: string; readonly name: string };
  /** Thumbprint of the key of his sign-in. */
  readonly cnf: string;
  readonly target: string;
  readonly forMs: number;
  readonly reason: string;
  /** Unix ms. */
  readonly madeAt: number;
  readonly notAfter: number;
  readonly nonce: string;
}

/** One use. The id is that of the sealed request's hash: it is good once. */
export interface BreakGlass {
  readonly id: string;
  readonly tenant: string;
  readonly identity: IdentityId;
  readonly target: string;
  readonly reason: string;
  readonly forMs: number;
  /** Names of the keys. */
  readonly signers: readonly string[];
  readonly request: RequestId;
  /** Unix ms. */
  readonly openedAt: number;
  /** Not reviewed until then, whoever used it is locked. */
  readonly reviewBy: number;
  readonly reviewedAt?: number;
  readonly reviewedBy?: IdentityId;
  readonly review?: string;
  /** Placed because nobody reviewed it. */
  readonly lock?: LockId;
}

/** Undefined for what is not whole. Whether it may be used is for the authority to say. */
export function parseSealedRequest(value: unknown): SealedRequest | undefined {
  const fields = exactly(value, members);
  if (fields === undefined) return undefined;
  const { trustDomain, cnf, target, reason, nonce, forMs, madeAt, notAfter } = fields;
  const isText = [trustDomain, cnf, target, reason, nonce].every(
    (text) => typeof text === 'string' && text !== '',
  );
  const isTime = [forMs, madeAt, notAfter].every((ms) => Number.isSafeInteger(ms) && Number(ms) > 0);
  const { id, name } = exactly(fields['identity'], ['id', 'name']) ?? {};
  if (!isText || !isTime || typeof id !== 'string' || typeof name !== 'string') return undefined;
  const request = fields as unknown as SealedRequest;
  const isBounded = request.reason.length <= limits.reasonMaxLength;
  return isBounded && parseTarget(request.target) !== undefined ? request : undefined;
}

const members = [
  'cnf',
  'forMs',
  'identity',
  'madeAt',
  'nonce',
  'notAfter',
  'reason',
  'target',
  'trustDomain',
];
