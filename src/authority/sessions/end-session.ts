// Use-case: a session ends. Cut first, then record (cut-sessions.ts says why in that order).

import type { SessionId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';
import { cutNow, recordEnds, type End } from './cut-sessions.ts';

/** Ends one session. Does nothing to one that is not live. */
export async function endSession(
  ctx: AuthorityContext,
  end: End & { readonly session: SessionId },
): Promise<void> {
  await endSessions(ctx, [end.session], end);
}

/** Returns the sessions that were live and are now ended. */
export async function endSessions(
  ctx: AuthorityContext,
  sessions: Iterable<SessionId>,
  end: End,
): Promise<readonly SessionId[]> {
  const cut = cutNow(ctx, sessions, end.reason);
  if (cut.length === 0) return [];
  await recordEnds(ctx, cut, end);
  return cut.map((live) => live.id);
}
