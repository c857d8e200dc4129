// Which policies a question meets, one by one: the long answer behind an explanation. Cedar names only the
// policies that settled an answer (the permits or the forbids, never both), so each kind is asked alone.
// Slow: nothing here is pre-parsed.

import { printable } from '../../core/printable.ts';
import { evaluateOnce, guarded, type CedarRequest, type SchemaName } from './cedar.ts';
import type { PolicyText } from './policy-text.ts';

export interface ConsideredPolicy {
  readonly policy: string;
  readonly effect: 'permit' | 'forbid';
  /** Whether the question meets its scope and conditions. */
  readonly matched: boolean;
  readonly error?: string;
}

/** An id that no policy can have (policy-text.ts), for a permit of everything beside the forbids. */
const permitAll = { '(all)': 'permit(principal, action, resource);' } as const;

/** Every policy with its answer to this question, in id order. `request` throws where there is none to make. */
export function considerPolicies(
  policies: Iterable<Pick<PolicyText, 'id' | 'effect' | 'text'>>,
  request: () => CedarRequest,
  schema: SchemaName = 'target',
): readonly ConsideredPolicy[] {
  const inOrder = [...policies].sort((a, b) => (a.id < b.id ? -1 : 1));
  const textsOf = (effect: 'permit' | 'forbid'): Record<string, string> =>
    Object.fromEntries(inOrder.filter((one) => one.effect === effect).map(({ id, text }) => [id, text]));
  const results = [textsOf('permit'), { ...textsOf('forbid'), ...permitAll }].map((texts) =>
    guarded(() => evaluateOnce(texts, request(), schema)),
  );
  const unanswered = results.find((result) => !result.ok)?.message;
  const answers = results.filter((result) => result.ok);
  const matched = new Set(answers.flatMap((answer) => answer.reasons));
  const errors = new Map(
    answers.flatMap((answer) => answer.errors.map(({ policy, message }) => [policy, message] as const)),
  );
  return inOrder.map(({ id, effect }) => {
    const error = unanswered ?? errors.get(id);
    return {
      policy: id,
      effect,
      matched: matched.has(id),
      ...(error === undefined ? {} : { error: printable(error, 400) }),
    };
  });
}
