// A session as the store keeps it: one identity on one target under one decision.

import type { ChannelParams, ServedKind } from './channel.ts';
import type {
  DeviceId,
  IdentityId,
  DelegationId,
  LinkId,
  PolicyRevisionId,
  RequestId,
  ServiceId,
  SessionId,
} from './ids.ts';
import type { SessionLife } from './session.ts';

export interface Session extends SessionLife {
  readonly id: SessionId;
  readonly tenant: string;
  readonly identity: IdentityId;
  readonly device: DeviceId;
  readonly service?: ServiceId;
  readonly kind: ServedKind;
  /** As typed, for people: "pump-7". */
  readonly target: string;
  /** SPKI thumbprint of the operator's key: only this key can open channels. */
  readonly cnf: string;
  readonly link: LinkId;
  readonly linkNonce: string;
  readonly gate: string;
  readonly policy: PolicyRevisionId;
  readonly policies: readonly string[];
  readonly user?: string;
  /** What it was decided for: a later policy is asked the same question. */
  readonly params: ChannelParams;
  /** The access request that it used up: its approvals hold it. */
  readonly request?: RequestId;
  /** It was opened for others: the person first, and the delegation that says so. */
  readonly behalf?: { readonly delegation: DelegationId; readonly chain: readonly IdentityId[] };
  /** The passkey's yes that it was opened with, and how old that was. */
  readonly mfa?: { readonly ageMs: number; readonly isForThis: boolean; readonly passkey: string };
  /** The code of an authenticator app that it was opened with. */
  readonly totp?: { readonly ageMs: number; readonly isForThis: boolean };
  /** The firm that whoever opened it comes from. */
  readonly vendor?: string;
  /** The ticket that was named for it. */
  readonly ticket?: string;
  readonly sourceIp?: string;
  readonly idleMs: number;
  readonly createdAt: number;
  readonly startBy: number;
  readonly mustEndAt: number;
  /** Policy allowed it for a maintenance window, which closes then. */
  readonly windowEndsAt?: number;
  /** Policy allowed it for a ticket, whose change window ends then. */
  readonly ticketEndsAt?: number;
  /** Channels that were open and have closed, and what they moved. */
  readonly channels: number;
  /** How many ends of channels the gate has told; absent in records of before this was kept. */
  readonly endsTold?: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** For an end by lock: its id and reason. */
  readonly endDetail?: string;
  readonly teardown?: 'pending' | 'confirmed' | 'unconfirmed';
}
