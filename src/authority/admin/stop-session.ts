// Use-case: a person ends a session: the own one, or any as an administrator. Ending one that has ended
// changes nothing and shows how it ended.

import type { z } from 'zod';
import type { endSessionBody, SessionView } from '../../api/sessions.ts';
import type { EndReason } from '../../core/end-reason.ts';
import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { endSession } from '../sessions/end-session.ts';
import { viewSession } from '../sessions/session-view.ts';
import { actor, may, type Operator } from './operator.ts';
import { requireOwnSession } from './show-session.ts';

export async function stopSession(
  ctx: AuthorityContext,
  caller: Operator,
  wanted: { readonly id: string; readonly body: z.output<typeof endSessionBody> },
): Promise<SessionView> {
  const reason = wanted.body.reason === undefined ? undefined : requireText(wanted.body.reason, 'reason');
  const session = await requireOwnSession(ctx, caller, wanted.id);
  const isOwn = session.identity === caller.identity.id;
  if (!isOwn && !may(ctx, caller, 'stopAccess')) {
    throw new SallyportError('forbidden', `"${session.id}" is somebody else's to end`, {
      next: 'ask an administrator',
    });
  }
  // The closed list has no "by hand": who left is the operator, who took it away stands for the rules.
  const endReason: EndReason = isOwn ? 'operator_gone' : 'policy';
  await endSession(ctx, {
    session: session.id,
    reason: endReason,
    by: actor(caller),
    detail: `ended by "${caller.identity.name}"${reason === undefined ? '' : `: ${reason}`}`,
  });
  const after = await ctx.store.get('session', session.id);
  return await viewSession(ctx, after?.value ?? session);
}
