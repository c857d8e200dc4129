// Use-case: put test cases to policy files; without files, to the revision in force, which only
// whoever may change it may ask: the answers would tell what it says.

import type { z } from 'zod';
import type { testBody, TestResult } from '../../api/policy.ts';
import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext } from '../context.ts';
import { testPolicies } from '../policy/test-cases.ts';
import { may, type Operator } from './operator.ts';
import { policyInvalid } from './policy-words.ts';

export function testPolicy(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof testBody>,
): TestResult {
  if (body.files === undefined && !may(ctx, caller, 'administerPolicy')) {
    throw new SallyportError('forbidden', 'the policy in force is tested by those who may change it', {
      next: 'name the policy files to test',
    });
  }
  const result = testPolicies({
    files: body.files ?? ctx.policy.revisionOf(caller.tenant)?.files ?? {},
    casesFile: 'cases',
    casesText: body.cases,
    now: ctx.clock.now(),
  });
  if (!result.ok) throw policyInvalid(result.problems);
  return {
    passed: result.rows.length - result.failed,
    failed: result.failed,
    rows: result.rows.map((row) => ({
      name: row.name,
      ok: row.pass,
      expected: row.expected,
      got: row.outcome,
      policies: [...row.policies],
      why: row.why,
    })),
  };
}
