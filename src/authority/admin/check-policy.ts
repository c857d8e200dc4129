// Use-case: check policy files without applying them.

import type { PolicyChecked } from '../../api/policy.ts';
import { checkPolicies } from '../policy/check.ts';
import type { PolicyFiles } from '../policy/policy-text.ts';
import { viewProblem } from './policy-words.ts';

export function checkPolicy(files: PolicyFiles): PolicyChecked {
  const check = checkPolicies(files);
  if (!check.ok) {
    return { ok: false, policies: [], problems: check.problems.map(viewProblem), warnings: [] };
  }
  return {
    ok: true,
    policies: check.policies.map(({ id, effect, file }) => ({ id, effect, file })),
    problems: [],
    warnings: check.warnings.map(viewProblem),
  };
}
