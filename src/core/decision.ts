// What is asked of policy and what it answers (design section 5). The decision point itself lives in
// authority/policy; these are the values that travel.

import type { ChannelParams } from './channel.ts';
import type { Device } from './device.ts';
import type { PolicyRevisionId } from './ids.ts';
import type { Identity } from './identity.ts';
import type { Service } from './service.ts';

export const actions = [
  'discover',
  'shell',
  'exec',
  'upload',
  'download',
  'forward',
  'http',
  'mcp',
  'submitTask',
  'approve',
  'watch',
  'administer',
] as const;
export type Action = (typeof actions)[number];

/** What somebody does with the broker itself: its people, devices, rules and records. */
export const houseActions = [
  'inspect',
  'stopAccess',
  'liftLocks',
  'administerIdentities',
  'administerDevices',
  'administerPolicy',
  'administerBroker',
  'agreeToChanges',
] as const;
export type HouseAction = (typeof houseActions)[number];

/** Of the tenant that the principal is of. */
export interface HouseQuestion {
  readonly principal: Identity;
  readonly action: HouseAction;
  /** Unix ms. */
  readonly now: number;
  readonly sourceIp?: string;
}

export interface HouseDecision {
  readonly isAllowed: boolean;
  /** Ids of the policies that settled it; those of the house itself stand in brackets. */
  readonly policies: readonly string[];
  readonly why: string;
}

/** The action that a channel with these parameters asks for. */
export function actionOf(params: ChannelParams): Action {
  switch (params.kind) {
    case 'shell':
    case 'exec':
      return params.kind;
    case 'files':
      return params.mode === 'read' ? 'download' : 'upload';
    case 'tcp':
      return 'forward';
    default:
      return params satisfies never;
  }
}

/** Everything policy may look at. Times are Unix ms. Absent = unknown, and unknown never helps. */
export interface Question {
  readonly principal: Identity;
  readonly action: Action;
  readonly device: Device;
  readonly service?: Service;
  readonly context: QuestionContext;
}

export interface QuestionContext {
  readonly now: number;
  readonly sourceIp?: string;
  readonly argv?: readonly string[];
  readonly user?: string;
  /** upload, download: one path in normal form (remote-path.ts). */
  readonly path?: string;
  /** forward: where to, as asked for; the device resolves it. */
  readonly host?: string;
  readonly port?: number;
  /** Since a passkey of his said yes to something on the same machine. */
  readonly mfaAgeMs?: number;
  /** What it said yes to is exactly this. */
  readonly mfaIsForThis?: boolean;
  /** Since he gave a code of his authenticator app with something on the same machine. */
  readonly totpAgeMs?: number;
  /** It was given with exactly this. */
  readonly totpIsForThis?: boolean;
  readonly approvals?: number;
  /** Of those, given by a passkey. */
  readonly passkeyApprovals?: number;
  /** Name of the person for whom who asks acts. */
  readonly onBehalfOf?: string;
  readonly ticket?: string;
  readonly inWindow?: boolean;
}

/** What the permitting policies demand; where several permit, the strictest of each. */
export interface Obligations {
  readonly maxSessionMs: number;
  readonly idleMs: number;
  /** OS user on the device that policy names. */
  readonly user?: string;
  /** Persons who must have approved it. */
  readonly approvers?: number;
  /** Each of them by a passkey. */
  readonly approvedBy?: 'passkey';
  /** How old his own passkey's yes may be, ms; 0: it is for exactly this. */
  readonly mfaMs?: number;
  /** A code of his authenticator app will do for that, too. */
  readonly mfaBy?: 'totp';
  /** Use banner, shown before a shell starts. */
  readonly banner?: string;
}

export type Decision =
  | {
      readonly outcome: 'allow';
      readonly revision: PolicyRevisionId;
      /** Ids of the policies that permitted. */
      readonly policies: readonly string[];
      readonly obligations: Obligations;
    }
  | {
      readonly outcome: 'deny';
      readonly revision: PolicyRevisionId | undefined;
      /** Ids of the policies that forbade; empty when simply nothing permits. */
      readonly policies: readonly string[];
      readonly code:
        | 'no_policy'
        | 'not_permitted'
        | 'forbidden'
        | 'evaluation_error'
        | 'obligation_conflict'
        | 'not_approved'
        | 'not_fresh';
      /** What would help, in words for the person: "an approval", "a ticket". Empty when nothing would. */
      readonly help: readonly string[];
    };
