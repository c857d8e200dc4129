// Break-glass: when those are away who would approve, or what they sign in by, some of the keys that lie
// offline sign one sealed request. It opens one session, for minutes, alarms everybody, and is reviewed within a day.
// Where the broker itself is gone, another one is made for somebody who stands before the device.

import { isOsUser } from './channel.ts';
import { isName } from './device.ts';
import type { DeviceId, IdentityId, LockId, RequestId } from './ids.ts';
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

/** What the keys sign for a shell on the device, for somebody who is there. Made without asking anybody. */
export interface OnSiteRequest {
  readonly trustDomain: string;
  /** Its name, or its id. */
  readonly device: string;
  /** By the name that he has at the broker; whoever signs vouches for him. */
  readonly person: string;
  /** OS user; empty: the agent's own. */
  readonly user: string;
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
  /** Absent: on site, by a name that nobody has here. */
  readonly identity?: IdentityId;
  readonly target: string;
  readonly reason: string;
  readonly forMs: number;
  /** Names of the keys. */
  readonly signers: readonly string[];
  /** Absent: on site, where no grant of ours opened it. */
  readonly request?: RequestId;
  readonly onSite?: OnSiteUse;
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

export interface OnSiteUse {
  readonly device: DeviceId;
  readonly person: string;
  /** The broker was asked first; otherwise the device alone let him in. */
  readonly wasAsked: boolean;
  /** Unix ms, by the device's clock. */
  readonly endedAt?: number;
  readonly cause?: OnSiteEnd;
  /** SHA-256 of the recording in its spool, base64url, and how long it is. */
  readonly recording?: { readonly sha256: string; readonly bytes: number };
}

export const onSiteEnds = [
  'exit',
  'left',
  'deadline',
  'lock',
  'owner_cut',
  'recorder',
  'agent_stopped',
  'agent_restarted',
] as const;
export type OnSiteEnd = (typeof onSiteEnds)[number];

/** Undefined for what is not whole, or cannot be met. None at all is a set of them too: nothing opens. */
export function parseBreakGlassKeys(value: unknown): BreakGlassKeys | undefined {
  const { need, keys } = exactly(value, ['keys', 'need']) ?? {};
  if (!Array.isArray(keys) || keys.length > limits.breakGlassKeysMax) return undefined;
  const read = (keys as readonly unknown[]).map((key) => exactly(key, ['name', 'spki']));
  const isWhole = read.every(
    (key) => isText(key?.['name'], isName) && isText(key?.['spki'], (spki) => thumbprint.test(spki)),
  );
  if (!isWhole || !Number.isSafeInteger(need)) return undefined;
  const known = read as unknown as BreakGlassKeys['keys'];
  if (new Set(known.map(({ spki }) => spki)).size < known.length) return undefined;
  const isPossible = known.length === 0 ? need === 0 : Number(need) >= 2 && Number(need) <= known.length;
  return isPossible ? { need: Number(need), keys: known } : undefined;
}

/** SHA-256, base64url. */
const thumbprint = /^[A-Za-z0-9_-]{43}$/;

function isText(value: unknown, isRight: (text: string) => boolean): boolean {
  return typeof value === 'string' && isRight(value);
}

/**
 * What is wrong with how long it is for and until when it is good. `now`: Unix ms; `isSure`: by a clock that does not
 * stand behind, so that what it has not come to yet was made in the future.
 */
export function timeFault(
  { forMs, madeAt, notAfter }: Pick<SealedRequest, 'forMs' | 'madeAt' | 'notAfter'>,
  now: number,
  { isSure }: { readonly isSure: boolean },
): string | undefined {
  if (forMs > limits.breakGlassMaxMs) return 'it is for more than 30 minutes';
  if (notAfter - madeAt > limits.sealedRequestLifeMs) return 'it was to be good for too long';
  if (now >= notAfter) return 'it has expired';
  return isSure && madeAt > now + limits.sealedRequestAheadMs ? 'it was made in the future' : undefined;
}

/** Undefined for what is not whole. Whether it may be used is for the authority to say. */
export function parseSealedRequest(value: unknown): SealedRequest | undefined {
  const fields = exactly(value, members);
  const { id, name } = exactly(fields?.['identity'], ['id', 'name']) ?? {};
  if (fields === undefined || typeof id !== 'string' || typeof name !== 'string') return undefined;
  if (!areTexts(fields, ['trustDomain', 'cnf', 'target', 'reason', 'nonce']) || !areTimes(fields))
    return undefined;
  const request = fields as unknown as SealedRequest;
  return isBounded(request) && parseTarget(request.target) !== undefined ? request : undefined;
}

/** The same for one that the device itself decides. */
export function parseOnSiteRequest(value: unknown): OnSiteRequest | undefined {
  const fields = exactly(value, onSiteMembers);
  if (fields === undefined || !areTimes(fields)) return undefined;
  if (!areTexts(fields, ['trustDomain', 'device', 'person', 'reason', 'nonce'])) return undefined;
  const request = fields as unknown as OnSiteRequest;
  const isUser = request.user === '' || (typeof request.user === 'string' && isOsUser(request.user));
  return isUser && isBounded(request) ? request : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function areTexts(fields: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof fields[name] === 'string' && fields[name] !== '');
}

function areTimes(fields: Fields): boolean {
  const { forMs, madeAt, notAfter } = fields;
  return [forMs, madeAt, notAfter].every((ms) => Number.isSafeInteger(ms) && Number(ms) > 0);
}

function isBounded({ reason }: { readonly reason: string }): boolean {
  return reason.length <= limits.reasonMaxLength;
}

const common = ['forMs', 'madeAt', 'nonce', 'notAfter', 'reason', 'trustDomain'] as const;
const members = ['cnf', 'identity', 'target', ...common].sort();
const onSiteMembers = ['device', 'person', 'user', ...common].sort();
