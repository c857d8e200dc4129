// Who may do what with the broker itself (design section 5: administrator actions are policy actions). The house's own
// rules say what owners, administrators and auditors may; policies that name one of these actions add to that, or
// take away. Nothing that is applied takes anything from an owner, so that no policy shuts everybody out.

import type { HouseDecision, HouseQuestion } from '../../core/decision.ts';
import { isOwner } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { Newest } from '../../core/newest.ts';
import { evaluateSet, guarded, keepSet, type CedarRequest, type Evaluation } from './cedar.ts';
import { considerPolicies, type ConsideredPolicy } from './explain.ts';
import type { PolicyText } from './policy-text.ts';
import { toHouseRequest } from './request.ts';
import { namesAction, readByAny } from './tree.ts';

/** Ids that no applied policy can have (policy-text.ts). */
export const houseRules: Readonly<Record<string, string>> = {
  '(owners)': 'permit (principal in Role::"owner", action, resource);',
  '(administrators)': 'permit (principal in Role::"administrator", action, resource);',
  '(auditors)': 'permit (principal in Role::"auditor", action == Action::"inspect", resource);',
};

/** Policies about the broker itself, kept by the library under `setId` with the house's own. */
export interface HouseSet {
  readonly setId: string;
  readonly policies: readonly PolicyText[];
  /** Context attributes that they read: what nobody reads makes no difference. */
  readonly reads: ReadonlySet<string> | 'all';
  /** What they said to a request, by its text: the same again, as long as they are in force. */
  readonly said: Newest<HouseDecision>;
}

export function keepHouseSet(setId: string, policies: readonly PolicyText[]): HouseSet {
  keepSet(setId, { ...houseRules, ...Object.fromEntries(policies.map(({ id, text }) => [id, text])) });
  const reads = readByAny(policies.map(({ tree }) => tree));
  return { setId, policies, reads, said: new Newest(limits.decisionsKept) };
}

let rulesKept: HouseSet | undefined;

function ownRules(): HouseSet {
  rulesKept ??= keepHouseSet('house', []);
  return rulesKept;
}

/** Every policy that could apply, with its answer: the house's own, too. */
export function considerHouse(
  policies: readonly PolicyText[],
  question: HouseQuestion,
): readonly ConsideredPolicy[] {
  const own = Object.entries(houseRules).map(([id, text]) => ({ id, text, effect: 'permit' as const }));
  const named = policies.filter(({ tree }) => namesAction(tree, question.action));
  return considerPolicies([...own, ...named], () => toHouseRequest(question), 'house');
}

/** Undefined: nothing was applied. Never throws: what cannot be evaluated is a no. */
export function decideHouse(applied: HouseSet | undefined, question: HouseQuestion): HouseDecision {
  if (applied === undefined || isOwner(question.principal)) {
    const own = decide(ownRules(), question);
    if (applied === undefined || own.isAllowed) return own;
  }
  return decide(applied, question);
}

function decide(set: HouseSet, question: HouseQuestion): HouseDecision {
  let request: CedarRequest;
  try {
    request = toHouseRequest(question);
  } catch (error) {
    return no([], `the question cannot be asked: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { reads } = set;
  const context = Object.entries(request.context).filter(([name]) => reads === 'all' || reads.has(name));
  return set.said.get(JSON.stringify([request.principal, request.action, request.entities, context]), () =>
    evaluate(set.setId, request),
  );
}

function evaluate(setId: string, request: CedarRequest): HouseDecision {
  const result: Evaluation = guarded(() => evaluateSet(setId, request, 'house'));
  if (!result.ok) return no([], `the question cannot be evaluated: ${result.message}`);
  if (result.errors.length > 0) {
    const policies = result.errors.map(({ policy }) => policy).sort();
    return no(policies, `${policies.join(', ')} could not be evaluated, which denies`);
  }
  const policies = [...result.reasons].sort();
  if (result.permits) return { isAllowed: true, policies, why: `permitted by ${policies.join(', ')}` };
  return no(policies, policies.length > 0 ? `forbidden by ${policies.join(', ')}` : 'no policy permits it');
}

function no(policies: readonly string[], why: string): HouseDecision {
  return { isAllowed: false, policies, why };
}
