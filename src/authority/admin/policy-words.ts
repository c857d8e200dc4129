// Policy problems as the api tells them: as data for `check`, as sentences for a refusal.

import type { PolicyChecked } from '../../api/policy.ts';
import { SallyportError } from '../../core/errors.ts';
import { sentence } from '../policy/check.ts';
import type { PolicyProblem } from '../policy/policy-text.ts';

export function viewProblem(problem: PolicyProblem): PolicyChecked['problems'][number] {
  const { file, message, policy, line, column, help } = problem;
  return {
    file,
    message,
    ...(policy === undefined ? {} : { policy }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(help === undefined ? {} : { help }),
  };
}

/** Problems told in one error; `policy check` tells all. */
const told = 20;

export function policyInvalid(problems: readonly PolicyProblem[]): SallyportError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new SallyportError('policy_invalid', `the policy files have ${count}, so nothing was changed`, {
    next: 'mend them; "sallyport policy check" tells every problem',
    help: problems.slice(0, told).map(sentence),
  });
}
