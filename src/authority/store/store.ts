// The Store port (design 1.9, 8): what the authority remembers. Two bodies, sqlite and memory, pass one
// contract test. There is one write: `commit`. The audit log is part of the same store because state and
// its event commit together.

import type { AuditEvent, EventDraft } from '../../core/event.ts';
import type { ApproverSetRecord } from '../../core/approver-set.ts';
import type { Delegation } from '../../core/delegation.ts';
import type { BreakGlass } from '../../core/break-glass.ts';
import type { Credential, Enrollment, Identity } from '../../core/identity.ts';
import type { Device } from '../../core/device.ts';
import type { Lock } from '../../core/lock.ts';
import type { Notice } from '../../core/notice.ts';
import type { PendingChange } from '../../core/pending-change.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import type { AccessRequest } from '../../core/request.ts';
import type { Service } from '../../core/service.ts';
import type { Passkey, RecoveryCode, SignIn, Totp } from '../../core/sign-in.ts';
import type { Session } from '../../core/session-record.ts';
import type { Tenant } from '../../core/tenant.ts';
import type { Ticket } from '../../core/ticket.ts';
import type { Window } from '../../core/window.ts';
import type { Leaf } from '../../wire/audit-leaf.ts';

export type { Leaf } from '../../wire/audit-leaf.ts';

/** A remembered answer to a write that carried an Idempotency-Key. */
export interface IdempotentAnswer {
  readonly id: string;
  /** SHA-256 of method, path and body: the same key with another request is a conflict. */
  readonly requestHash: string;
  readonly status: number;
  readonly body: string;
  readonly createdAt: number;
}

/** Small single values: the signed keyset, stateEpoch, the broker's name. */
export interface Setting {
  readonly id: string;
  readonly value: string;
}

/** A token that was shown: it is good once. The id is its hash. */
export interface UsedAssertion {
  readonly id: string;
  /** Unix ms. */
  readonly expiresAt: number;
}

export interface Records {
  readonly identity: Identity;
  readonly credential: Credential;
  readonly enrollment: Enrollment;
  readonly device: Device;
  readonly policy: PolicyRevision;
  readonly lock: Lock;
  readonly service: Service;
  readonly session: Session;
  readonly request: AccessRequest;
  readonly window: Window;
  readonly assertion: UsedAssertion;
  readonly passkey: Passkey;
  readonly signin: SignIn;
  readonly recovery: RecoveryCode;
  readonly totp: Totp;
  readonly ticket: Ticket;
  readonly approverset: ApproverSetRecord;
  readonly breakglass: BreakGlass;
  readonly delegation: Delegation;
  readonly change: PendingChange;
  readonly notice: Notice;
  readonly answer: IdempotentAnswer;
  readonly setting: Setting;
  readonly tenant: Tenant;
}
export type RecordKind = keyof Records;

/** A record as read: its value and its revision, for compare-and-set. */
export interface Stored<T> {
  readonly value: T;
  readonly rev: number;
}

/**
 * `put` with `rev`: 0 = must not exist yet; n = must be at revision n; absent = whatever is there.
 * `delete` likewise. A failed condition, or a taken unique field, refuses the whole commit.
 */
export type Change = {
  readonly [K in RecordKind]:
    | { readonly put: K; readonly value: Records[K]; readonly rev?: number }
    | { readonly delete: K; readonly id: string; readonly rev?: number };
}[RecordKind];

export interface Commit {
  readonly changes: readonly Change[];
  readonly events: readonly EventDraft[];
}

/** Records of these kinds are somebody's; the others are the broker's, or a holder's. */
interface OfTenant {
  readonly tenant?: string;
}

/**
 * Fields that lists may be narrowed by; each but `tenant` is an indexed column. Combined with AND. A `name` of an
 * identity, a device or a window is the one of nameIn (core/tenant.ts).
 */
export interface Filters {
  /** `subject`: of subjectKey (record-columns.ts). */
  readonly identity: OfTenant & { readonly name?: string; readonly subject?: string };
  readonly credential: { readonly holder?: string; readonly spki?: string };
  readonly enrollment: OfTenant & { readonly tokenHash?: string };
  readonly device: OfTenant & { readonly name?: string; readonly spki?: string; readonly owner?: string };
  readonly policy: OfTenant & { readonly number?: number };
  readonly lock: OfTenant;
  /** `name` is \"<device id>/<service name>\". */
  readonly service: OfTenant & { readonly name?: string; readonly device?: string };
  readonly session: OfTenant & {
    readonly live?: boolean;
    /** teardown is pending */ readonly awaitsReceipt?: boolean;
    readonly identity?: string;
    readonly device?: string;
    /** The firm that who opened it comes from. */
    readonly vendor?: string;
  };
  /** live: something may still come of it. */
  readonly request: OfTenant & {
    readonly live?: boolean;
    readonly identity?: string;
    readonly device?: string;
  };
  readonly window: OfTenant & { readonly name?: string };
  readonly assertion: { readonly all?: true };
  readonly passkey: { readonly identity?: string };
  readonly signin: { readonly identity?: string };
  readonly recovery: { readonly identity?: string };
  readonly totp: { readonly all?: true };
  readonly ticket: OfTenant;
  readonly approverset: OfTenant;
  readonly notice: OfTenant;
  /** live: nobody has decided it; identity: who asked. */
  readonly change: OfTenant & { readonly live?: boolean; readonly identity?: string };
  /** live: nobody ended it; identity: who made it or passed it on. */
  readonly delegation: OfTenant & { readonly live?: boolean; readonly identity?: string };
  /** live: somebody has to review it, and there is time; unreviewed: also when that is over. */
  readonly breakglass: OfTenant & {
    readonly live?: boolean;
    readonly unreviewed?: boolean;
    readonly identity?: string;
  };
  readonly answer: { readonly all?: true };
  readonly setting: { readonly all?: true };
  readonly tenant: { readonly all?: true };
}

export interface Page {
  /** Opaque; absent = from the start. */
  readonly after?: string;
  /** At most limits.apiPageMax. */
  readonly limit?: number;
  /** newest = descending by creation; ids otherwise. */
  readonly order?: 'id' | 'newest';
}

export interface Listed<T> {
  readonly items: readonly Stored<T>[];
  readonly next?: string;
}

/** Combined with AND. */
export interface EventFilter {
  readonly types?: readonly string[];
  /** Events about this identity, and those where it acted. `device` likewise. */
  readonly identity?: string;
  readonly device?: string;
  readonly session?: string;
  readonly tenant?: string;
  /** RFC 3339 bounds, inclusive and exclusive. */
  readonly from?: string;
  readonly until?: string;
}

export class StoreConflict extends Error {
  readonly kind: RecordKind;
  readonly id: string;
  constructor(kind: RecordKind, id: string) {
    super(`the ${kind} "${id}" was changed by somebody else or is taken`);
    this.name = 'StoreConflict';
    this.kind = kind;
    this.id = id;
  }
}

/** The disk is full or gone. Nothing was applied. */
export class StoreUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

export interface Store {
  /**
   * Applies all changes and appends all events, or nothing. Resolves when both are durable (fsynced);
   * commits are applied in call order. Rejects with StoreConflict or StoreUnavailable.
   */
  commit(commit: Commit): Promise<readonly AuditEvent[]>;
  /**
   * For cuts only: like commit, but when the store cannot be written it is kept in the preallocated
   * reserve and this resolves all the same. While the reserve holds anything, `commit` rejects with
   * StoreUnavailable until it has been replayed, in order; reads of records already answer the new state.
   * Rejects with StoreConflict only. Unique fields are not looked at while the store cannot be written: a
   * cut must not take one.
   */
  commitCut(commit: Commit): Promise<void>;

  get<K extends RecordKind>(kind: K, id: string): Promise<Stored<Records[K]> | undefined>;
  /** The newest match. */
  find<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<Stored<Records[K]> | undefined>;
  list<K extends RecordKind>(kind: K, filter: Filters[K], page?: Page): Promise<Listed<Records[K]>>;
  count<K extends RecordKind>(kind: K, filter: Filters[K]): Promise<number>;

  /** Events in order of seq, after `afterSeq` (exclusive). `newest: true` = the last ones first. */
  events(
    filter: EventFilter,
    page: { readonly afterSeq?: number; readonly limit: number; readonly newest?: boolean },
  ): Promise<readonly AuditEvent[]>;
  event(id: string): Promise<AuditEvent | undefined>;
  leaves(fromSeq: number, limit: number): Promise<readonly Leaf[]>;
  /** Number of leaves and the hash that ends the chain. */
  head(): Promise<{ readonly size: number; readonly chainHash: string }>;
  /**
   * Called after each commit, once durable, with the events just written, in order of seq. A listener that
   * throws is reported to the log and called again. Returns the unsubscriber.
   */
  onEvents(listener: (events: readonly AuditEvent[]) => void): () => void;

  /**
   * Writes a whole and consistent copy of everything into a new file, while the store goes on. Resolves with a
   * head that the copy has at least. Rejects with StoreUnavailable, also while the reserve holds anything.
   */
  snapshot(path: string): Promise<{ readonly size: number; readonly chainHash: string }>;

  /** Writes what is queued, closes the files. Idempotent. */
  close(): Promise<void>;
}
