// Obligations: what a permitting policy demands, written as annotations (@maxSession("8h")). Here they are
// read when a policy is checked and merged when a question is decided. INVARIANT: an annotation that this
// version cannot enforce is refused before the policy applies; a demand is never dropped in silence.

import { parseDuration, formatDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { isPrintable, printable } from '../../core/printable.ts';
import type { Obligations } from '../../core/decision.ts';
import { nearest } from './nearest.ts';

/** What one policy demands; absent = this policy demands nothing of the kind. */
export interface PolicyObligations {
  readonly maxSessionMs?: number;
  readonly idleMs?: number;
  readonly user?: string;
  readonly banner?: string;
  readonly approvers?: number;
  readonly approvedBy?: 'passkey';
  readonly mfaMs?: number;
  readonly mfaBy?: 'totp';
}

export interface ObligationProblem {
  readonly message: string;
  readonly help?: string;
}

export type ReadObligations =
  | { readonly ok: true; readonly obligations: PolicyObligations }
  | { readonly ok: false; readonly problems: readonly ObligationProblem[] };

const enforced = ['maxSession', 'idle', 'user', 'banner', 'approvers', 'approvedBy', 'mfa', 'mfaBy'] as const;
type Enforced = (typeof enforced)[number];
const descriptive = ['id', 'description'] as const;

const enforcedWords = enforced.map((name) => `@${name}`).join(', ');
const userPattern = /^[a-z_][a-z0-9_-]{0,31}$/;

/** Reads the annotations of one policy. A value is null where the annotation stands bare: `@idle`. */
export function readObligations(policy: {
  readonly effect: 'permit' | 'forbid';
  readonly annotations: Readonly<Record<string, string | null>>;
}): ReadObligations {
  const problems: ObligationProblem[] = [];
  let obligations: PolicyObligations = {};
  for (const [name, value] of Object.entries(policy.annotations)) {
    if (isOneOf(descriptive, name)) {
      if (value === null) problems.push({ message: `"@${name}" needs a text, like @${name}("…")` });
    } else if (!isOneOf(enforced, name)) {
      problems.push(refusal(name));
    } else if (policy.effect === 'forbid') {
      problems.push({
        message: `"@${name}" is an obligation, and obligations belong to a permit; on a forbid it would never bite`,
        help: 'move it to the policies that permit, or remove it',
      });
    } else {
      const read = readValue(name, value);
      if ('message' in read) problems.push(read);
      else obligations = { ...obligations, ...read };
    }
  }
  if (obligations.mfaBy !== undefined && obligations.mfaMs === undefined) {
    problems.push({
      message: '"@mfaBy" goes with "@mfa"',
      help: 'add @mfa("session"), or its age, like @mfa("15m")',
    });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, obligations };
}

function isOneOf<const T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name);
}

function refusal(name: string): ObligationProblem {
  const near = nearest(name, [...enforced, ...descriptive]);
  const can = `it enforces ${enforcedWords}, and reads @id and @description`;
  return {
    message: `this version cannot enforce "@${printable(name, 60)}", so the policy is refused`,
    help: near === undefined ? can : `did you mean "@${near}"? ${can}`,
  };
}

function readValue(name: Enforced, value: string | null): PolicyObligations | ObligationProblem {
  const text = value ?? '';
  switch (name) {
    case 'maxSession':
    case 'idle': {
      const ms = parseDuration(text);
      if (ms === undefined) {
        return {
          message: `@${name}("${printable(text, 60)}") is not a duration`,
          help: 'write it like "90s", "15m" or "8h"',
        };
      }
      if (ms > limits.sessionMaxMs) {
        return {
          message: `@${name}("${text}") is longer than any session may last`,
          help: `at most ${formatDuration(limits.sessionMaxMs)}`,
        };
      }
      return name === 'idle' ? { idleMs: ms } : { maxSessionMs: ms };
    }
    case 'user':
      if (userPattern.test(text)) return { user: text };
      return {
        message: `@user("${printable(text, 60)}") is not a user name`,
        help: 'write a user of the device, like @user("service")',
      };
    case 'banner':
      // A banner goes to a terminal: line ends pass, nothing else that a terminal would act on.
      if (
        text.trim() !== '' &&
        text.length <= limits.reasonMaxLength &&
        text.split('\n').every(isPrintable)
      ) {
        return { banner: text };
      }
      return {
        message: '@banner needs a text without control characters',
        help: `at most ${limits.reasonMaxLength} characters; "\\n" makes a new line`,
      };
    case 'approvers': {
      const count = /^[1-9]$/.test(text) ? Number(text) : limits.approversMax + 1;
      if (count <= limits.approversMax) return { approvers: count };
      return {
        message: `@approvers("${printable(text, 60)}") is not a number of persons`,
        help: `write 1 to ${limits.approversMax}, like @approvers("2"); who they may be is said by policies that permit Action::"approve"`,
      };
    }
    case 'approvedBy':
      if (text === 'passkey') return { approvedBy: 'passkey' };
      return {
        message: `@approvedBy("${printable(text, 60)}") is nothing that approves`,
        help: 'write @approvedBy("passkey"), beside @approvers; without it a key of the command line counts too',
      };
    case 'mfa': {
      const ms = text === 'session' ? 0 : parseDuration(text);
      if (ms !== undefined && ms <= limits.mfaAgeMaxMs) return { mfaMs: ms };
      return {
        message: `@mfa("${printable(text, 60)}") is neither "session" nor a duration of at most ${formatDuration(limits.mfaAgeMaxMs)}`,
        help: 'write @mfa("session") for a passkey over exactly this session, or its age, like @mfa("15m")',
      };
    }
    case 'mfaBy':
      if (text === 'totp') return { mfaBy: 'totp' };
      return {
        message: `@mfaBy("${printable(text, 60)}") is nothing that stands beside a passkey`,
        help: 'write @mfaBy("totp"), beside @mfa: a code of an authenticator app will do, too',
      };
    default:
      return name satisfies never;
  }
}

export type MergedObligations =
  | { readonly ok: true; readonly obligations: Obligations }
  | { readonly ok: false; readonly message: string };

/** The strictest of each, over all policies that permit. Two that cannot both be met are a conflict. */
export function mergeObligations(permitting: ReadonlyMap<string, PolicyObligations>): MergedObligations {
  const inOrder = [...permitting.keys()].sort().map((id) => permitting.get(id) ?? {});
  const demanded = <T>(pick: (one: PolicyObligations) => T | undefined): readonly T[] =>
    inOrder.map(pick).filter((value) => value !== undefined);
  const users = [...new Set(demanded((one) => one.user))];
  const banner = [...new Set(demanded((one) => one.banner))].join('\n');
  if (users.length > 1) {
    return { ok: false, message: `the permitting policies demand different users: ${users.join(', ')}` };
  }
  if (banner.length > limits.bannerMaxLength) {
    return {
      ok: false,
      message: `the banners of the permitting policies exceed ${limits.bannerMaxLength} characters`,
    };
  }
  const [user] = users;
  const approvers = Math.max(0, ...demanded((one) => one.approvers));
  const [approvedBy] = demanded((one) => one.approvedBy);
  return {
    ok: true,
    obligations: {
      maxSessionMs: strictest(
        demanded((one) => one.maxSessionMs),
        limits.sessionDefaultMs,
      ),
      idleMs: strictest(
        demanded((one) => one.idleMs),
        limits.idleDefaultMs,
      ),
      ...(approvers === 0 ? {} : { approvers }),
      ...(approvedBy === undefined ? {} : { approvedBy }),
      ...strictestMfa(inOrder),
      ...(user === undefined ? {} : { user }),
      ...(banner === '' ? {} : { banner }),
    },
  };
}

/** The youngest yes, and where one of them wants a passkey, a passkey it is. */
export function strictestMfa(
  all: readonly Pick<PolicyObligations, 'mfaMs' | 'mfaBy'>[],
): Pick<PolicyObligations, 'mfaMs' | 'mfaBy'> {
  const wanting = all.filter(({ mfaMs }) => mfaMs !== undefined);
  if (wanting.length === 0) return {};
  const mfaMs = Math.min(...wanting.flatMap((one) => one.mfaMs ?? []));
  return wanting.every(({ mfaBy }) => mfaBy === 'totp') ? { mfaMs, mfaBy: 'totp' } : { mfaMs };
}

function strictest(demanded: readonly number[], otherwise: number): number {
  return demanded.length === 0 ? otherwise : Math.min(...demanded);
}
