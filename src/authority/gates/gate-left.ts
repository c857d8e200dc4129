// A gate's order stream ended. It has until the cut-off to come back (it ends what it carries by then on
// its own); what it carried is then ended here too.

import { limits } from '../../core/limits.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';

export function gateLeft(ctx: AuthorityContext, gate: string): void {
  ctx.clock.setTimer(limits.gateCutOffAfterMs, () => {
    if (ctx.gates.isConnected(gate)) return;
    giveUp(ctx, gate).catch((error: unknown) =>
      ctx.log.error({ err: error, gate }, 'could not record the loss of a gate'),
    );
  });
}

async function giveUp(ctx: AuthorityContext, gate: string): Promise<void> {
  for (const link of ctx.gates.linksOfGate(gate)) ctx.gates.dropLink(link.id);
  const carried = ctx.sessions.all().filter((live) => live.gate === gate);
  await endSessions(
    ctx,
    carried.map((live) => live.id),
    {
      reason: 'shutdown',
      by: { kind: 'system', id: 'authority' },
      detail: `gate "${gate}" did not come back`,
    },
  );
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'gate.disconnected',
        actor: { kind: 'gate', id: gate },
        outcome: 'success',
        body: { sessionsEnded: carried.length },
      },
    ],
  });
}
