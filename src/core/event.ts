// Audit events (requirements.md section 3; design section 7). A draft is what a use-case states; the log
// gives it its place: sequence, id, time. Envelope fields are pseudonymous (ids, codes); names, reasons,
// arguments and addresses go into the body, which can be erased without breaking the log.

import type { ErrorCode } from './errors.ts';
import type { EndReason } from './end-reason.ts';
import type {
  CredentialId,
  DeviceId,
  EventId,
  IdentityId,
  LinkId,
  LockId,
  PolicyRevisionId,
  RequestId,
  ServiceId,
  SessionId,
} from './ids.ts';
import type { PeerKind } from './identity.ts';
import type { JsonObject } from './json.ts';

export const eventTypes = [
  'broker.started',
  'broker.stopped',
  'broker.backed_up',
  'broker.restored',
  'ca.created',
  'ca.rotated',
  'keyset.signed',
  'gate.connected',
  'gate.disconnected',
  'identity.created',
  'identity.removed',
  'identity.killed',
  'owner.changed',
  'role.granted',
  'role.revoked',
  'enrollment.created',
  'enrollment.revoked',
  'enrollment.redeemed',
  'enrollment.refused',
  'device.joined',
  'device.replaced',
  'device.removed',
  'device.quarantined',
  'device.accepted',
  'device.approvals_changed',
  'service.added',
  'service.reviewed',
  'service.removed',
  'console.certificate',
  'credential.issued',
  'credential.renewed',
  'credential.recovered',
  'credential.refused',
  'credential.revoked',
  'passkey.added',
  'passkey.recovered',
  'passkey.removed',
  'recovery_codes.made',
  'approver_key.added',
  'approver_key.removed',
  'approver_set.made',
  'approver_set.signed',
  'sign_in.started',
  'sign_in.ended',
  'sign_in.confirmed',
  'mfa.confirmed',
  'auth.failed',
  'api.refused',
  'link.opened',
  'link.closed',
  'link.refused',
  'policy.applied',
  'policy.refused',
  'policy.decided',
  'window.added',
  'tenant.created',
  'totp.accepted',
  'totp.added',
  'totp.removed',
  'vendor.done',
  'vendor.extended',
  'window.removed',
  'ticket.changed',
  'ticket.source',
  'request.created',
  'request.approved',
  'request.withdrawn',
  'request.denied',
  'request.cancelled',
  'request.expired',
  'request.used',
  'request.refused',
  'notice.failed',
  'change.asked',
  'change.approved',
  'change.denied',
  'change.failed',
  'delegation.created',
  'delegation.ended',
  'delegation.refused',
  'breakglass.keys_set',
  'breakglass.opened',
  'breakglass.ended',
  'breakglass.refused',
  'breakglass.reviewed',
  'session.waiting',
  'session.denied',
  'session.issued',
  'session.started',
  'session.ended',
  'session.closed',
  'channel.opened',
  'channel.refused',
  'channel.closed',
  'teardown.confirmed',
  'teardown.unconfirmed',
  'lock.created',
  'lock.removed',
  'store.regressed',
  'audit.reserve_replayed',
  'audit.sink_failed',
] as const;
export type EventType = (typeof eventTypes)[number];

export interface EventActor {
  readonly kind: PeerKind | 'system';
  readonly id: string;
}

export interface EventDraft {
  /** Whose event it is; absent: of whom it is about, or else of the broker itself and its owner. */
  readonly tenant?: string;
  readonly type: EventType;
  readonly actor: EventActor;
  readonly outcome: 'success' | 'failure' | 'denied';
  /** Why not, or why it ended: a closed list, never free text. */
  readonly code?: ErrorCode | EndReason | (string & {});
  readonly identity?: IdentityId;
  readonly device?: DeviceId;
  readonly service?: ServiceId;
  readonly session?: SessionId;
  readonly link?: LinkId;
  readonly lock?: LockId;
  readonly credential?: CredentialId;
  readonly policy?: PolicyRevisionId;
  readonly request?: RequestId;
  /** Ids of the deciding policies. */
  readonly policies?: readonly string[];
  /** Names, free text, arguments, addresses: erasable. Never secrets or session bytes. */
  readonly body: JsonObject;
}

/** A draft in its place on the log. `time` is RFC 3339 UTC with microseconds. */
export interface AuditEvent extends EventDraft {
  readonly seq: number;
  readonly id: EventId;
  readonly time: string;
}
