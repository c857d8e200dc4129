// Who may do what with the broker itself (design section 5: administrator actions are policy actions). The house's own
// rules say what owners, administrators and auditors may; policies that name one of these actions add to that, or
// take away. Nothing that is applied takes anything from an owner, so that no policy shuts everybody out.

import type { HouseDecision, HouseQuestion } from '../../core/decision.ts';
import { isOwner } from '../../core/identity.ts';
import { evaluateSet, guarded, keepSet, type Evaluation } from './cedar.ts';
import { considerPolicies, type ConsideredPolicy } from './explain.ts';
import type { PolicyText } from './policy-text.ts';
import { toHouseRequest } from './request.ts';
import { namesAction } from './tree.ts';

/** Ids that no applied policy can have (policy-text.ts). */
export const houseRules: Readonly<Record<string, string>> = {
  '(owners)': 'permit (principal in Role::"owner", action, resource);',
  '(administrators)': 'permit (principal in Role::"administrator", action, resource);',
  '(auditors)': 'permit (principal in Role::"auditor", action == Action::"inspect", resource);',
};

const houseSetId = 'house';
let areRulesKept = false;

/** Keeps policies about the broker itself under this set id, with the house's own. */
export function keepHouseSet(setId: string, policies: readonly PolicyText[]): void {
  keepSet(setId, { ...houseRules, ...Object.fromEntries(policies.map(({ id, text }) => [id, text])) });
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

/** `setId` undefined: nothing was applied. Never throws: what cannot be evaluated is a no. */
export function decideHouse(setId: string | undefined, question: HouseQuestion): HouseDecision {
  if (setId === undefined || isOwner(question.principal)) {
    const own = decide(ownRules(), question);
    if (setId === undefined || own.isAllowed) return own;
  }
  return decide(setId, question);
}

function ownRules(): string {
  if (!areRulesKept) keepSet(houseSetId, houseRules);
  areRulesKept = true;
  return houseSetId;
}

function decide(setId: string, question: HouseQuestion): HouseDecision {
  const result: Evaluation = guarded(() => evaluateSet(setId, toHouseRequest(question), 'house'));
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
