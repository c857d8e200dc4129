// After a start: the sessions that the store calls live are taken up again. Their gate says in its
// registration which of them it still carries; a gate that does not come back in time loses them all.

import type { AuthorityContext } from '../context.ts';
import { gateLeft } from '../gates/gate-left.ts';
import { endSession } from './end-session.ts';

export async function restoreSessions(ctx: AuthorityContext): Promise<void> {
  const gates = new Set<string>();
  let after: string | undefined;
  do {
    const page = await ctx.store.list('session', { live: true }, after === undefined ? {} : { after });
    for (const { value } of page.items) {
      const identity = await ctx.store.get('identity', value.identity);
      ctx.sessions.add(value, identity?.value);
      gates.add(value.gate);
    }
    after = page.next;
  } while (after !== undefined);
  for (const gate of gates) gateLeft(ctx, gate);
}

/** Wires the timers of live sessions to their ends. */
export function endOnExpiry(ctx: AuthorityContext): void {
  ctx.sessions.onExpiry((session, expiry) => {
    const detail = expiry === 'start' ? { detail: 'nothing was opened in it' } : {};
    const reason = expiry === 'start' ? 'deadline' : (ctx.sessions.get(session)?.lastsUntil ?? 'deadline');
    endSession(ctx, {
      session,
      reason,
      by: { kind: 'system', id: 'authority' },
      ...detail,
    }).catch((error: unknown) =>
      ctx.log.error({ err: error, session }, 'could not record the end of a session'),
    );
  });
}
