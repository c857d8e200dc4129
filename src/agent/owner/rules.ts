// What the device's owner allows, as agent.yaml says it (docs/agent.md). Unknown and misspelt keys are
// refused (negative test L20): a rule that silently does nothing would leave open what he meant to close.
// For the same reason an empty file is no set of rules. Pure.

import { approvalChecks, type ApprovalCheck } from '../../core/approver-set.ts';
import { isServedKind, isOsUser, servedKinds, type ServedKind } from '../../core/channel.ts';
import { parseDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { normalPath } from '../../core/remote-path.ts';
import { parseAllowedTarget, type AllowedTarget } from './allowed-target.ts';

/** Maintenance: shell, exec, files, and tcp to any HOST:PORT. Application: tcp to a named service. */
export type Plane = 'maintenance' | 'application';

/** A member that is absent narrows nothing; an empty list allows nothing. */
export interface OwnerRules {
  readonly kinds?: ReadonlySet<ServedKind>;
  /** OS users that a shell, a command or a file transfer may run as. */
  readonly users?: ReadonlySet<string>;
  /** Where there are any, a direction without paths is closed. */
  readonly paths?: Readonly<Record<'read' | 'write', readonly string[]>>;
  readonly targets?: readonly AllowedTarget[];
  readonly maxSessionMs?: number;
  readonly closedPlanes: ReadonlySet<Plane>;
  readonly isConsentRequired: boolean;
  /** Whether the agent itself looks at the approvals that a session stands on. */
  readonly approvals: ApprovalCheck;
}

/** Where the owner does not leave it to the broker who is let in, neither whose offline keys are. */
export function fixesKeys(rules: Pick<OwnerRules, 'approvals'> | undefined): boolean {
  return (rules?.approvals ?? 'off') !== 'off';
}

export const noRules: OwnerRules = {
  closedPlanes: new Set(),
  isConsentRequired: false,
  approvals: 'off',
};

const keys = ['kinds', 'users', 'paths', 'targets', 'maxSession', 'planes', 'consent', 'approvals'] as const;

/** The rules, or a sentence that says which key is wrong and how it should be. */
export function parseOwnerRules(value: unknown): OwnerRules | string {
  const fields = keyed(value, keys);
  if (typeof fields === 'string') return fields;
  const kinds = listOf(fields, 'kinds', (text) => (isServedKind(text) ? text : undefined));
  if (kinds === 'wrong') return `"kinds" must be a list of ${servedKinds.join(', ')}`;
  const users = listOf(fields, 'users', (text) => (isOsUser(text) ? text : undefined));
  if (users === 'wrong') return '"users" must be a list of OS users, like [svc]';
  const paths = parsePaths(fields['paths']);
  if (typeof paths === 'string') return paths;
  const targets = listOf(fields, 'targets', parseAllowedTarget);
  if (targets === 'wrong') {
    return '"targets" must be a list of HOST:PORT in quotes, like ["127.0.0.1:5432", "10.0.0.5:*"], addresses written in full';
  }
  const maxSessionMs = parseMaxSession(fields['maxSession']);
  if (typeof maxSessionMs === 'string') return maxSessionMs;
  const closedPlanes = parsePlanes(fields['planes']);
  if (typeof closedPlanes === 'string') return closedPlanes;
  const { consent = 'not_required' } = fields;
  if (consent !== 'required' && consent !== 'not_required')
    return '"consent" must be required or not_required';
  const approvals = parseApprovals(fields['approvals']);
  if (approvals === undefined) return `"approvals" must be ${approvalChecks.join(', ')}`;
  return {
    ...(kinds === undefined ? {} : { kinds: new Set(kinds) }),
    ...(users === undefined ? {} : { users: new Set(users) }),
    ...(paths === undefined ? {} : { paths }),
    ...(targets === undefined ? {} : { targets }),
    ...(maxSessionMs === undefined ? {} : { maxSessionMs }),
    closedPlanes,
    isConsentRequired: consent === 'required',
    approvals,
  };
}

/** "off" without quotes is false to YAML 1.1. */
function parseApprovals(value: unknown): ApprovalCheck | undefined {
  if (value === undefined || value === false) return 'off';
  return approvalChecks.find((known) => known === value);
}

type Fields = Readonly<Record<string, unknown>>;

/** An object with none but these keys. */
function keyed(value: unknown, known: readonly string[], where?: string): Fields | string {
  const place = where === undefined ? 'the file' : `"${where}"`;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `${place} must hold "key: value" lines`;
  const stray = Object.keys(value).find((key) => !known.includes(key));
  if (stray === undefined) return value as Fields;
  const inside = where === undefined ? '' : ` in "${where}"`;
  return `unknown key "${printable(stray, 40)}"${inside}; the keys are ${known.join(', ')}`;
}

/** Undefined when the key is absent. A key without a value is wrong: it says neither all nor nothing. */
function listOf<T>(
  fields: Fields,
  key: string,
  read: (text: string) => T | undefined,
): readonly T[] | undefined | 'wrong' {
  if (!Object.hasOwn(fields, key)) return undefined;
  const list = fields[key];
  if (!Array.isArray(list) || list.length > limits.ownerListMax) return 'wrong';
  const found: T[] = [];
  for (const text of list as readonly unknown[]) {
    const item = typeof text === 'string' ? read(text) : undefined;
    if (item === undefined) return 'wrong';
    found.push(item);
  }
  return found;
}

function parsePaths(value: unknown): OwnerRules['paths'] | string {
  if (value === undefined) return undefined;
  const fields = keyed(value, ['read', 'write'], 'paths');
  if (typeof fields === 'string') return fields;
  const read = listOf(fields, 'read', normalPath);
  const write = listOf(fields, 'write', normalPath);
  if (read === 'wrong' || write === 'wrong') {
    return '"paths" must be lists of paths from "/" or "~", without "." and "..", like read: [/opt/fw, ~/logs]';
  }
  return { read: read ?? [], write: write ?? [] };
}

function parseMaxSession(value: unknown): number | undefined | string {
  if (value === undefined) return undefined;
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  return ms ?? '"maxSession" must be a duration, like 2h';
}

function parsePlanes(value: unknown): ReadonlySet<Plane> | string {
  if (value === undefined) return new Set();
  const fields = keyed(value, ['maintenance', 'application'], 'planes');
  if (typeof fields === 'string') return fields;
  const closed = new Set<Plane>();
  for (const plane of ['maintenance', 'application'] as const) {
    if (!Object.hasOwn(fields, plane)) continue;
    const state = fields[plane];
    // YAML 1.1 reads "off" as false, 1.2 as text: both mean what the owner typed.
    if (state === 'off' || state === false) closed.add(plane);
    else if (state !== 'on' && state !== true) return `"${plane}" in "planes" must be on or off`;
  }
  return closed;
}
