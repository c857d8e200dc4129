// What is asked of policy and what it answers (design section 5). The decision point itself lives in
// authority/policy; these are the values that travel.

import type { ChannelKind } from './channel.ts';
import type { Device } from './device.ts';
import type { PolicyRevisionId } from './ids.ts';
import type { Identity } from './identity.ts';

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

/** The action that opening a channel of a kind asks for. Files and tcp are decided in their own issues. */
export function actionOfKind(kind: ChannelKind): Action {
  switch (kind) {
    case 'shell':
    case 'exec':
    case 'http':
      return kind;
    case 'files':
      return 'download';
    case 'tcp':
      return 'forward';
    default:
      return kind satisfies never;
  }
}

/** Everything policy may look at. Times are Unix ms. Absent = unknown, and unknown never helps. */
export interface Question {
  readonly principal: Identity;
  readonly action: Action;
  readonly device: Device;
  readonly service?: string;
  readonly context: QuestionContext;
}

export interface QuestionContext {
  readonly now: number;
  readonly sourceIp?: string;
  readonly argv?: readonly string[];
  readonly user?: string;
  readonly mfaAgeMs?: number;
  readonly approvals?: number;
  readonly ticket?: string;
  readonly inWindow?: boolean;
}

/** What the permitting policies demand; where several permit, the strictest of each. */
export interface Obligations {
  readonly maxSessionMs: number;
  readonly idleMs: number;
  /** OS user on the device that policy names. */
  readonly user?: string;
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
      readonly code: 'no_policy' | 'not_permitted' | 'forbidden' | 'evaluation_error' | 'obligation_conflict';
      /** What would help, in words for the person: "an approval", "a ticket". Empty when nothing would. */
      readonly help: readonly string[];
    };
