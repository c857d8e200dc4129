// A policy revision as the api shows it.

import type { RevisionView } from '../../api/policy.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import type { AuthorityContext } from '../context.ts';
import { parsePolicies } from '../policy/policy-text.ts';
import { identityName } from './names.ts';
import { iso } from './time-text.ts';

export async function viewRevision(ctx: AuthorityContext, revision: PolicyRevision): Promise<RevisionView> {
  const parsed = parsePolicies(revision.files);
  return {
    id: revision.id,
    number: revision.number,
    hash: revision.hash,
    appliedBy: { id: revision.appliedBy, name: await identityName(ctx, revision.appliedBy) },
    appliedAt: iso(revision.appliedAt),
    ...(revision.comment === undefined ? {} : { comment: revision.comment }),
    policies: parsed.ok ? parsed.policies.length : 0,
  };
}
