// What a new link says before it may carry anything (docs/protocol.md, "The link"): the hello, answered by
// a fresh nonce, and the welcome, which must prove that the authority itself, not only a gate, stands
// behind this link now. Checks only; who remembers the result, and who hangs up, is link.ts's business.

import { X509Certificate, type KeyObject } from 'node:crypto';
import { SallyportError, type ErrorCode } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { parseId } from '../core/ids.ts';
import type { Keyset } from '../core/keys.ts';
import { text } from '../wire/fields.ts';
import { keyFinder, openKeyset } from '../wire/keyset.ts';
import { readLease, readWelcome, type Lease, type Welcome } from '../wire/link-statements.ts';
import { verifyStatement } from '../wire/signed.ts';
import { startSignedTime, type SignedTime } from './signed-time.ts';
import type { AgentState } from './state.ts';

export const linkVersions: readonly number[] = [1];

export type KeyFinder = (kid: string) => KeyObject | undefined;

export interface Welcomed {
  readonly time: SignedTime;
  readonly stateEpoch: number;
  readonly keyset: string;
  readonly keysetVersion: number;
  /** PEM: to be pinned from now on. */
  readonly root: string;
  /** Where the broker may be found, as it says. */
  readonly addresses: readonly string[];
  /** Sessions whose receipts it lacks. */
  readonly awaited: readonly string[];
  /** Finds the keys that passes and leases are signed with. */
  readonly findPassKey: KeyFinder;
  readonly lease: Lease;
}

export interface WelcomeFacts {
  readonly state: AgentState;
  readonly linkNonce: string;
  /** Boot clock when the hello was answered, and now. */
  readonly helloAt: number;
  readonly bootMs: number;
}

/** The version that both speak. Throws version_unsupported with words. */
export function chooseVersion(body: string): number {
  const offered = parseJsonObject(body)?.['versions'];
  const list: readonly unknown[] = Array.isArray(offered) ? offered : [];
  const version = linkVersions.find((known) => list.includes(known));
  if (version !== undefined) return version;
  throw new SallyportError(
    'version_unsupported',
    `this agent speaks link version ${linkVersions.join(', ')}, and the gate offered none of them`,
    { next: 'bring broker and agent to versions that are at most one apart' },
  );
}

/** Throws with the code of the first thing that is wrong. */
export function checkWelcome(body: string, facts: WelcomeFacts): Welcomed {
  const { state, linkNonce, helloAt, bootMs } = facts;
  const fields = parseJsonObject(body) ?? {};
  const keysetText = text(fields, 'keyset') ?? '';
  const opened = openKeyset(keysetText, new X509Certificate(state.root));
  requireThat(opened !== undefined, 'pass_signature', 'the keyset is not signed by the pinned root');
  const { keyset, root } = opened;
  requireThat(isOurs(keyset, state), 'pass_signature', 'the keyset is for another broker');
  requireThat(keyset.version >= state.keysetVersion, 'pass_epoch', 'the keyset is older than the one here');
  const findPassKey = keyFinder(keyset, 'pass');

  const welcome = readSigned('welcome', text(fields, 'welcome'), findPassKey, readWelcome);
  requireThat(welcome !== undefined, 'pass_signature', 'the welcome is not signed by this broker');
  requireThat(welcome.device === state.deviceId, 'pass_device', 'the welcome is for another device');
  requireThat(welcome.linkNonce === linkNonce, 'pass_link', 'the welcome is for another link');
  requireThat(welcome.stateEpoch >= state.stateEpoch, 'pass_epoch', 'the broker is older than it was');
  requireThat(keyset.notAfter >= welcome.time, 'pass_expired', 'the keyset has expired');
  const time = startSignedTime(welcome.time, helloAt, bootMs);
  requireThat(time !== undefined, 'no_signed_time', 'the welcome came too late after the hello');

  const lease = checkLease(text(fields, 'lease'), { state, linkNonce, findPassKey });
  return {
    time,
    stateEpoch: welcome.stateEpoch,
    keyset: keysetText,
    keysetVersion: keyset.version,
    root: root.toString(),
    addresses: welcome.addresses ?? [],
    awaited: (welcome.awaited ?? []).filter((id) => parseId('ses', id) !== undefined),
    findPassKey,
    lease,
  };
}

/** A lease for this device and link, signed by the authority. */
export function checkLease(
  statement: string | undefined,
  facts: { readonly state: AgentState; readonly linkNonce: string; readonly findPassKey: KeyFinder },
): Lease {
  const lease = readSigned('lease', statement, facts.findPassKey, readLease);
  requireThat(lease !== undefined, 'pass_signature', 'the lease is not signed by this broker');
  requireThat(lease.device === facts.state.deviceId, 'pass_device', 'the lease is for another device');
  requireThat(lease.linkNonce === facts.linkNonce, 'pass_link', 'the lease is for another link');
  return lease;
}

function readSigned<T extends Welcome | Lease>(
  purpose: 'welcome' | 'lease',
  statement: string | undefined,
  findKey: KeyFinder,
  read: (fields: Readonly<Record<string, unknown>>) => T | undefined,
): T | undefined {
  if (statement === undefined) return undefined;
  const verified = verifyStatement(purpose, statement, findKey);
  return verified.ok ? read(verified.payload) : undefined;
}

function isOurs(keyset: Keyset, state: AgentState): boolean {
  return keyset.trustDomain === state.trustDomain && keyset.env === state.env;
}

function requireThat(isTrue: boolean, code: ErrorCode, message: string): asserts isTrue {
  if (!isTrue) throw new SallyportError(code, message);
}
