// A device: a machine that dials out and offers its built-in shell and exec. Trust in it is kept here,
// server-side; online and locked are derived, never stored.

import type { ApprovalCheck } from './approver-set.ts';
import type { DeviceId, IdentityId } from './ids.ts';

/** Why a link ended. */
export type LinkEnd =
  | 'agent_closed'
  | 'lost'
  | 'superseded'
  | 'lock'
  | 'removed'
  | 'drain'
  | 'protocol'
  | 'gate_stopped';

export interface Device {
  readonly id: DeviceId;
  readonly name: string;
  readonly owner: IdentityId;
  readonly purpose: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly tenant: string;
  /** SHA-256 thumbprint of the device key's SPKI, base64url. One key, one device. */
  readonly spki: string;
  /** Device-key public half, SPKI DER base64url: receipts and renewals are verified against it. */
  readonly publicKey: string;
  readonly linkEpoch: number;
  readonly createdAt: number;
  readonly lastSeenAt?: number;
  /** Why its newest link ended. */
  readonly lastLinkEnd?: LinkEnd;
  readonly agentVersion?: string;
  readonly renewal: RenewalState;
  /** Absent: accepted. */
  readonly hold?: Hold;
  /** As it said last: it looks at approvals itself, by this version of the approver set. Absent: it does not. */
  readonly approvals?: DeviceApprovals;
}

export interface DeviceApprovals {
  readonly check: Exclude<ApprovalCheck, 'off'>;
  /** Absent: none is pinned, and it lets nobody in. */
  readonly version?: number;
}

/**
 * `pending`: it came with a token for many, and no rule accepts it. `clone`: two parties showed its key, so
 * that neither may have a link. `long_absent`: it came back after longer than anybody watches its key.
 * `replaced`: its key is dead, and another board with its name is on the way.
 */
export const holdReasons = ['pending', 'clone', 'long_absent', 'replaced'] as const;
export type HoldReason = (typeof holdReasons)[number];

const barring: ReadonlySet<HoldReason> = new Set(['clone', 'replaced']);

export function barsLinks(why: HoldReason): boolean {
  return barring.has(why);
}

/** Whether its key may not even hold a link or renew. */
export function isBarred(device: Device): device is Device & { readonly hold: Hold } {
  return device.hold !== undefined && barsLinks(device.hold.why);
}

/** What keeps a device from every session until a person accepts it. */
export interface Hold {
  readonly why: HoldReason;
  /** Unix ms. */
  readonly since: number;
}

const holdWords: Readonly<Record<HoldReason, string>> = {
  pending: 'is not accepted yet',
  clone: 'is in quarantine: its key seems to be in two places',
  long_absent: 'is in quarantine: it was away for long',
  replaced: 'is being replaced: its old key is dead',
};

/** For a sentence that begins with the device's name. */
export function describeHold({ why }: Pick<Hold, 'why'>): string {
  return holdWords[why];
}

/**
 * Clone detection that survives power loss (design section 4). `expected` is the secret that the next
 * renewal must show, `n` its number; the last accepted request's hash and answer make a retry harmless.
 */
export interface RenewalState {
  readonly n: number;
  /** SHA-256 of the secret s_n, base64url: the store never holds the secret itself. */
  readonly expected: string;
  readonly lastRequestHash?: string;
  readonly lastAnswer?: string;
}

export const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Device, person and service names: a DNS label, so that no name needs quoting anywhere. */
export function isName(text: string): boolean {
  return namePattern.test(text);
}

const labelKeyPattern = /^[a-z][a-z0-9_.-]{0,62}$/;
const labelValuePattern = /^[A-Za-z0-9][A-Za-z0-9_.@:/-]{0,126}$/;

/** "site=lyon" -> ["site","lyon"]; undefined when the text is not a label. */
export function parseLabel(text: string): readonly [string, string] | undefined {
  const at = text.indexOf('=');
  const key = text.slice(0, at);
  const value = text.slice(at + 1);
  return at > 0 && labelKeyPattern.test(key) && labelValuePattern.test(value) ? [key, value] : undefined;
}
