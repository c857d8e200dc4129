// Whether what a channel brings shows that enough people approved exactly this session (design section 6): their own
// signatures over the request, checked here against the set that is pinned here, so that neither a gate nor the
// authority can make an approval up. Nothing is remembered here; that it counts once is used-requests.ts.

import { provenPersons, type ApprovalCheck, type ApproverSet } from '../../core/approver-set.ts';
import { actionOf } from '../../core/decision.ts';
import type { ChannelParams } from '../../core/channel.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { canonicalJson, parseJsonObject, type JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { isWithinScope, type RequestScope } from '../../core/request.ts';
import { parseTarget } from '../../core/target.ts';
import { decodeEvidence, textDigest } from '../../wire/approval.ts';
import { complete, object, text, texts, whole, type Fields } from '../../wire/fields.ts';
import type { Pass } from '../../wire/pass.ts';
import { verifyProof } from './verify-proof.ts';

export interface ApprovalFacts {
  readonly device: string;
  readonly check: Exclude<ApprovalCheck, 'off'>;
  readonly set: ApproverSet | undefined;
  /** Signed time, Unix ms. */
  readonly now: number;
}

/** A request that enough of the pinned approvers said yes to. */
export interface ApprovedRequest {
  readonly request: string;
  /** Of its canonical text: two requests of one id are two. */
  readonly digest: string;
  /** Unix ms. */
  readonly usableUntil: number;
  readonly forMs: number;
  /** Passkeys that signed, with a counter that is not 0. */
  readonly counters: ReadonlyMap<string, number>;
}

export type ApprovalAnswer =
  | { readonly ok: true; readonly approved: ApprovedRequest }
  | { readonly ok: false; readonly code: ErrorCode; readonly title: string };

export async function checkApproval(
  header: string | undefined,
  asked: { readonly pass: Pass; readonly params: ChannelParams },
  { device, check, set, now }: ApprovalFacts,
): Promise<ApprovalAnswer> {
  if (set === undefined) return no('approvers_missing', 'this device has no approver set pinned');
  if (now >= set.expiresAt) return no('approvers_expired', 'the approver set of this device has expired');
  if (header === undefined) return no('approval_missing', 'this device looks at approvals itself');

  // 1. Is it a request, in the one form that has one hash?
  if (header.length > Math.ceil((limits.approvalMaxBytes * 4) / 3)) return malformed();
  const evidence = decodeEvidence(header);
  const content = evidence === undefined ? undefined : parseJsonObject(evidence.content);
  if (evidence === undefined || content === undefined) return malformed();
  if (canonicalJson(content as JsonObject) !== evidence.content) return malformed();
  const scope = readScope(content);
  if (scope === undefined) return malformed();

  // 2. Is it for this: device, person, key, target, kind?
  const { pass, params } = asked;
  if (scope.device !== device) return no('approval_scope', 'the approved request is for another device');
  if (scope.requester !== pass.identity)
    return no('approval_scope', 'the approved request is of somebody else');
  if (scope.cnf !== pass.cnf) return no('approval_scope', 'the approved request is of another key');
  if (!isSameTarget(scope.target, pass.target))
    return no('approval_scope', 'the approved request is for another target');
  const action = actionOf(params);
  if (!scope.actions.includes(action)) return no('approval_scope', `nobody approved ${action}`);
  if (!isWithinScope(scope, params)) return no('approval_scope', `nobody approved this ${action}`);
  if (scope.uses !== 1) return malformed();

  // 3. Now? Its end is the session's, and how long a session lasts that began in time is for the caller.
  if (now < scope.startAt) return no('approval_expired', 'the approved request begins later');

  // 4. Did enough of the pinned people sign it, and not the one who asks?
  if (evidence.approvals.length > 2 * limits.approverSetPersonsMax) return malformed();
  const digest = textDigest(evidence.content);
  const signed = { set, digest, what: { request: scope.request } } as const;
  const proofs = [];
  const counters = new Map<string, number>();
  for (const proof of evidence.approvals) {
    const verdict = await verifyProof(proof, signed);
    if (verdict.ok) {
      proofs.push(verdict.with);
      if ('passkey' in verdict.with && verdict.counter > 0)
        counters.set(verdict.with.passkey, verdict.counter);
    } else if (verdict.fault === 'malformed') return malformed();
    else if (verdict.fault === 'bad') return no('approval_signature', verdict.why);
  }
  const persons = new Set(provenPersons(set, check, proofs));
  persons.delete(scope.requester);
  // Whatever the broker calls him: whose key asks does not approve it.
  for (const { id, keys } of set.persons) if (keys.includes(scope.cnf)) persons.delete(id);
  if (persons.size < set.threshold) {
    const what = `${persons.size} of the ${set.threshold} pinned approvers that it takes said yes`;
    return no('approval_quorum', check === 'verify' ? what : `${what}, each by passkey and by command`);
  }
  const { request, usableUntil, forMs } = scope;
  return { ok: true, approved: { request, digest, usableUntil, forMs, counters } };
}

interface Scope extends RequestScope {
  readonly request: string;
  readonly device: string;
  readonly requester: string;
  readonly cnf: string;
  readonly target: string;
  readonly uses: number;
  readonly startAt: number;
  readonly usableUntil: number;
  readonly forMs: number;
}

function readScope(content: Fields): Scope | undefined {
  const which = readWhich(content);
  if (which === undefined) return undefined;
  return complete<Scope>({
    request: text(content, 'request'),
    device: text(content, 'device'),
    requester: text(object(content, 'requester') ?? {}, 'id'),
    cnf: text(content, 'cnf'),
    target: text(content, 'target'),
    actions: texts(content, 'actions'),
    ...which,
    uses: whole(content, 'uses'),
    startAt: whole(content, 'startAt'),
    usableUntil: whole(content, 'usableUntil'),
    forMs: whole(content, 'forMs'),
  });
}

/** Undefined: they are there, and are no commands or paths. */
function readWhich(content: Fields): Pick<Scope, 'commands' | 'paths'> | undefined {
  const { commands } = content;
  const paths = texts(content, 'paths');
  if (content['paths'] !== undefined && paths === undefined) return undefined;
  if (commands !== undefined && !isCommands(commands)) return undefined;
  return {
    ...(commands === undefined ? {} : { commands }),
    ...(paths === undefined ? {} : { paths }),
  };
}

function isCommands(value: unknown): value is readonly (readonly string[])[] {
  const isCommand = (words: unknown): boolean =>
    Array.isArray(words) && words.every((word) => typeof word === 'string');
  return Array.isArray(value) && value.every(isCommand);
}

/** As names: whatever cannot be read is the same as nothing. */
function isSameTarget(approved: string, asked: string): boolean {
  const one = parseTarget(approved);
  const other = parseTarget(asked);
  return one !== undefined && one.device === other?.device && one.service === other.service;
}

function malformed(): ApprovalAnswer {
  return no('approval_malformed', 'the approval cannot be read');
}

function no(code: ErrorCode, title: string): ApprovalAnswer {
  return { ok: false, code, title };
}
