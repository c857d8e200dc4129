// The whole check of policy files, before they may apply: syntax, ids and bounds (policy-text.ts), the
// schema with Cedar's own hints, obligations that this version enforces, and the house rules. Everything
// found is told at once, as sentences with file and line.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { validatePolicies, type Fault, type SchemaName } from './cedar.ts';
import { houseRuleProblems } from './house-rules.ts';
import { readObligations, type PolicyObligations } from './obligations.ts';
import { subjectOf } from './tree.ts';
import {
  parsePolicies,
  problemInPolicy,
  type PolicyFiles,
  type PolicyProblem,
  type PolicyText,
} from './policy-text.ts';

export interface CheckedPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  readonly line: number;
  readonly subject: ReturnType<typeof subjectOf>;
}

export type PolicyCheck =
  | {
      readonly ok: true;
      readonly policies: readonly CheckedPolicy[];
      readonly warnings: readonly PolicyProblem[];
    }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** A policy that passed every check, ready for the decision point. */
export interface ReadyPolicy extends PolicyText {
  readonly obligations: PolicyObligations;
}

type ReadyPolicies =
  | {
      readonly ok: true;
      readonly policies: readonly ReadyPolicy[];
      readonly warnings: readonly PolicyProblem[];
    }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** One screen or so; a broken file of thousands of policies repeats itself. */
const problemsShown = 100;

export function checkPolicies(files: PolicyFiles): PolicyCheck {
  const ready = readyPolicies(files);
  if (!ready.ok) return ready;
  const policies = ready.policies.map(({ id, effect, file, line, tree }) => ({
    id,
    effect,
    file,
    line,
    subject: subjectOf(tree),
  }));
  return { ok: true, policies, warnings: ready.warnings };
}

/** The checked policies themselves. Throws policy_invalid: what was applied once may fail a newer version. */
export function requirePolicies(files: PolicyFiles): readonly ReadyPolicy[] {
  const ready = readyPolicies(files);
  if (ready.ok) return ready.policies;
  const [first] = ready.problems;
  const more = ready.problems.length > 1 ? ` (and ${ready.problems.length - 1} more)` : '';
  throw new SallyportError(
    'policy_invalid',
    `${first === undefined ? 'a policy is invalid' : sentence(first)}${more}`,
    {
      next: 'see every problem with "sallyport policy check", mend the files and apply them again',
    },
  );
}

/** A problem on one line: "access.cedar:3:5: policy "x": …; hint". */
export function sentence(problem: PolicyProblem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const who = problem.policy === undefined ? '' : ` policy "${problem.policy}":`;
  const help = problem.help === undefined ? '' : `; ${problem.help}`;
  return `${place}:${who} ${problem.message}${help}`;
}

function readyPolicies(files: PolicyFiles): ReadyPolicies {
  const parsed = parsePolicies(files);
  if (!parsed.ok) return { ok: false, problems: shown(parsed.problems) };
  const byId = new Map(parsed.policies.map((policy) => [policy.id, policy]));
  const textsOf = (subject: SchemaName): Record<string, string> =>
    Object.fromEntries(
      parsed.policies.filter(({ tree }) => subjectOf(tree) === subject).map(({ id, text }) => [id, text]),
    );
  const onTargets = validatePolicies(textsOf('target'));
  const onHouse = validatePolicies(textsOf('house'), 'house');
  const located = (faults: readonly Fault[]): PolicyProblem[] =>
    distinct(faults.map(plain)).map((fault) => {
      const policy = fault.policy === undefined ? undefined : byId.get(fault.policy);
      return policy === undefined
        ? { file: 'policies', message: printable(fault.message, 400) }
        : problemInPolicy(fault, policy);
    });
  const problems = located([...onTargets.errors, ...onHouse.errors]);
  const policies: ReadyPolicy[] = [];
  for (const policy of parsed.policies) {
    const place = { file: policy.file, policy: policy.id, line: policy.line };
    const read = readObligations({ effect: policy.effect, annotations: policy.tree.annotations ?? {} });
    if (read.ok) policies.push({ ...policy, obligations: read.obligations });
    else problems.push(...read.problems.map((problem) => ({ ...place, ...problem })));
    problems.push(...houseRuleProblems(policy).map((problem) => ({ ...place, ...problem })));
  }
  if (problems.length > 0) return { ok: false, problems: shown(problems) };
  return { ok: true, policies, warnings: shown(located([...onTargets.warnings, ...onHouse.warnings])) };
}

/**
 * Cedar checks each policy once per combination of kinds and actions, and so repeats one fault with
 * `in context for Action::"shell"`, `… "exec"` and so on, in no fixed order: the action is left out, and
 * equal problems are told once.
 */
function plain(fault: Fault): Fault {
  return {
    ...fault,
    message: withoutPolicy(fault.message).replace(/ in context for Action::"[A-Za-z]+"/, ' in the context'),
    ...(fault.help === undefined ? {} : { help: withoutPolicy(fault.help) }),
  };
}

/** The policy is named beside the message already. */
function withoutPolicy(text: string): string {
  return text.replace(/^for policy `[^`]*`, /, '');
}

function distinct(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()];
}

function shown(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const order = [...problems].sort(
    (a, b) =>
      compare(a.file, b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compare(a.message, b.message),
  );
  return order.slice(0, problemsShown);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
