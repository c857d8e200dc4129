// Use-case: put a new policy revision in force. Checked whole before anything is written, so that loading
// it afterwards cannot fail; in force only once it is durable; then every live session is decided again.

import type { z } from 'zod';
import type { applyBody, RevisionView } from '../../api/policy.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId } from '../../core/ids.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import { jsonHash } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { checkPolicies } from '../policy/check.ts';
import { reviewSessions } from '../sessions/review-sessions.ts';
import { actor, type Operator } from './operator.ts';
import { shutsOut } from './shuts-out.ts';
import { policyInvalid } from './policy-words.ts';
import { viewRevision } from './revision-view.ts';

export async function applyPolicy(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.output<typeof applyBody>,
): Promise<RevisionView> {
  const comment = body.comment === undefined ? {} : { comment: requireText(body.comment, 'comment') };
  const current = ctx.policy.revisionOf(caller.tenant);
  const inForce = current?.number ?? 0;
  if (body.expect !== undefined && body.expect !== inForce) {
    await refuse(ctx, caller, {
      code: 'conflict',
      why: `expected revision ${body.expect}, in force is ${inForce}`,
    });
    throw new SallyportError('conflict', `revision ${inForce} is in force, not ${body.expect}`, {
      next: 'look at what changed with "sallyport policy history", then apply again',
    });
  }
  const check = checkPolicies(body.files);
  if (!check.ok) {
    await refuse(ctx, caller, { code: 'policy_invalid', why: `${check.problems.length} problems` });
    throw policyInvalid(check.problems);
  }
  const hash = jsonHash(body.files);
  if (current !== undefined && current.hash === hash) return await viewRevision(ctx, current);

  const revision: PolicyRevision = {
    id: newId('pol', ctx.random.bytes(16)),
    tenant: caller.identity.tenant,
    number: inForce + 1,
    files: body.files,
    hash,
    appliedBy: caller.identity.id,
    appliedAt: ctx.clock.now(),
    ...comment,
  };
  if (await shutsOut(ctx, caller, { check, revision })) {
    await refuse(ctx, caller, { code: 'policy_invalid', why: 'nobody could change it any more' });
    throw new SallyportError('policy_invalid', 'with these nobody could change the policy any more', {
      next: 'leave "administerPolicy" to at least one administrator, or to an owner: nothing is taken from owners',
    });
  }
  // Two at once make the same number, and the store takes a number once: the other one is a conflict.
  await ctx.store.commit({
    changes: [{ put: 'policy', value: revision, rev: 0 }],
    events: [
      {
        type: 'policy.applied',
        actor: actor(caller),
        outcome: 'success',
        policy: revision.id,
        body: {
          number: revision.number,
          hash,
          by: caller.identity.name,
          policies: check.policies.length,
          files: Object.keys(body.files).slice(0, 100),
          ...comment,
        },
      },
    ],
  });
  ctx.policy.load(revision);
  await reviewSessions(ctx);
  return await viewRevision(ctx, revision);
}

async function refuse(
  ctx: AuthorityContext,
  caller: Operator,
  refusal: { readonly code: string; readonly why: string },
): Promise<void> {
  const event: EventDraft = {
    type: 'policy.refused',
    actor: actor(caller),
    outcome: 'denied',
    code: refusal.code,
    body: { by: caller.identity.name, why: refusal.why },
  };
  await ctx.store.commit({ changes: [], events: [event] });
}
