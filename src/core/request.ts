// An access request's life (design sections 5 and 6): somebody asks, others approve, one session uses it up.
// `stepRequest` is the only way from one state to the next. What was approved is the content, by its hash; it
// never changes, so whoever wants something else asks anew.

import type { ChannelParams } from './channel.ts';
import { actionOf, type Action } from './decision.ts';
import { isWithin } from './remote-path.ts';
import type { DeviceId, IdentityId, RequestId, ServiceId, SessionId } from './ids.ts';
import type { JsonObject } from './json.ts';

export const requestStates = [
  'pending',
  'approved',
  'used',
  'denied',
  'cancelled',
  'expired',
  'withdrawn',
] as const;
export type RequestState = (typeof requestStates)[number];

export type RequestEvent = 'approve' | 'use' | 'deny' | 'cancel' | 'expire' | 'withdraw';

const table: Readonly<Record<RequestState, Readonly<Partial<Record<RequestEvent, RequestState>>>>> = {
  pending: { approve: 'approved', deny: 'denied', cancel: 'cancelled', expire: 'expired' },
  approved: {
    use: 'used',
    deny: 'denied',
    cancel: 'cancelled',
    expire: 'expired',
    withdraw: 'withdrawn',
  },
  used: { withdraw: 'withdrawn' },
  denied: {},
  cancelled: {},
  expired: {},
  withdrawn: {},
};

/** The state after the event; undefined where it cannot happen. */
export function stepRequest(state: RequestState, event: RequestEvent): RequestState | undefined {
  return table[state][event];
}

/** Something may still come of it. */
export function isOpen(state: RequestState): boolean {
  return state === 'pending' || state === 'approved';
}

/** What people ask for, in the words that they type; each is an action of policy. */
export const requestActions = [
  'shell',
  'exec',
  'upload',
  'download',
  'forward',
] as const satisfies readonly Action[];
export type RequestAction = (typeof requestActions)[number];

/** What is asked for: everything of these kinds, unless it says which. */
export interface RequestScope {
  readonly actions: readonly string[];
  /** exec: one of these, word by word. A shell, which runs anything, is not among what is asked for then. */
  readonly commands?: readonly (readonly string[])[];
  /** upload, download: these and what is below them, in normal form. */
  readonly paths?: readonly string[];
}

/** Whether this is part of what was asked for. */
export function isWithinScope({ actions, commands, paths }: RequestScope, params: ChannelParams): boolean {
  const action = actionOf(params);
  if (!actions.some((known) => known === action)) return false;
  switch (params.kind) {
    case 'exec':
      return commands === undefined || commands.some((words) => isSameCommand(words, params.argv));
    case 'files':
      return paths === undefined || params.roots.every((root) => paths.some((path) => isWithin(root, path)));
    case 'shell':
      return commands === undefined;
    case 'tcp':
      return true;
    default:
      return params satisfies never;
  }
}

function isSameCommand(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((word, at) => word === other[at]);
}

/** What shows that somebody said yes to exactly this. */
export type ApprovalProof =
  /** A statement of purpose `approval`, signed by the key of his sign-in. */
  | { readonly statement: string }
  /** His passkey's assertion, its challenge being the hash of the content; JSON of what verifies it. */
  | { readonly assertion: string };

/** By key or by passkey: one person's two yeses count once, and a device may want both. */
export function isSameWay(one: ApprovalProof, other: ApprovalProof): boolean {
  return 'statement' in one === 'statement' in other;
}

/** Persons of these whose yes was given by a passkey. */
export function personsByPasskey(approvals: readonly Approval[]): ReadonlySet<IdentityId> {
  return new Set(approvals.filter((approval) => 'assertion' in approval).map(({ by }) => by));
}

/** One person's yes. */
export type Approval = ApprovalProof & {
  readonly by: IdentityId;
  /** Unix ms. */
  readonly at: number;
};

export interface AccessRequest extends RequestScope {
  readonly actions: readonly RequestAction[];
  readonly id: RequestId;
  readonly tenant: string;
  readonly state: RequestState;
  readonly requester: IdentityId;
  /** Thumbprint of the key that asked: only that key can use it. */
  readonly cnf: string;
  readonly device: DeviceId;
  readonly service?: ServiceId;
  /** As typed. */
  readonly target: string;
  readonly forMs: number;
  readonly reason: string;
  readonly ticket?: string;
  /** Unix ms. */
  readonly startAt: number;
  readonly createdAt: number;
  /** Undecided until then, it is over; approved and unused until `usableUntil`, likewise. */
  readonly expiresAt: number;
  readonly usableUntil: number;
  /** What approvers sign the hash of (wire/approval.ts): all of the above in words that do not change. */
  readonly content: JsonObject;
  /** How many persons policy asked for when it was made. */
  readonly needed: number;
  /** And each of them by a passkey. */
  readonly byPasskey?: true;
  readonly approvals: readonly Approval[];
  /** Offline keys signed it, and nobody approved it: the use of break-glass (break-glass.ts). */
  readonly breakGlass?: string;
  readonly decidedAt?: number;
  /** Who denied it, and why. */
  readonly deniedBy?: IdentityId;
  readonly denyReason?: string;
  readonly session?: SessionId;
}

/** When it is over by itself, Unix ms. */
export function endsAt(request: AccessRequest): number {
  return request.state === 'pending' ? request.expiresAt : request.usableUntil;
}
