// Use-case: one session. Somebody else's is answered as one that does not exist (I10, I11).

import type { SessionView } from '../../api/sessions.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type { Session } from '../../core/session-record.ts';
import type { AuthorityContext } from '../context.ts';
import { viewSession } from '../sessions/session-view.ts';
import { seesAll, type Operator } from './operator.ts';

export async function showSession(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<SessionView> {
  return await viewSession(ctx, await requireOwnSession(ctx, caller, text));
}

/** His, or one that somebody opened for him. */
function isOwn({ identity }: Operator, session: Session): boolean {
  return session.identity === identity.id || session.behalf?.chain.includes(identity.id) === true;
}

/** The session, when it is the caller's own or he sees all. */
export async function requireOwnSession(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<Session> {
  const id = parseId('ses', text);
  const session = id === undefined ? undefined : (await ctx.store.get('session', id))?.value;
  if (session !== undefined && (seesAll(ctx, caller) || isOwn(caller, session))) {
    return session;
  }
  throw new SallyportError('not_found', `there is no session "${printable(text, 80)}"`, {
    next: '"sallyport sessions ls" lists the ones you may see',
  });
}
