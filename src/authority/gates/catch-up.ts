// A gate's order stream has opened. Since its registration no order could reach it, so what it claimed to
// carry is compared once more; and its links get fresh leases, because the last ones may be as old as the
// authority was away, and what is not leased is cut by the device.

import type { AuthorityContext } from '../context.ts';
import { sendLease } from '../sessions/leases.ts';

export function catchUp(ctx: AuthorityContext, gate: string): void {
  const claim = ctx.gates.takeClaim(gate);
  const live = new Set<string>(ctx.sessions.all().map(({ id }) => id));
  for (const session of claim.sessions) {
    if (!live.has(session)) ctx.gates.send(gate, { type: 'cut', sessions: [session], reason: 'shutdown' });
  }
  const links = new Set<string>(ctx.gates.linksOfGate(gate).map(({ id }) => id));
  for (const link of claim.links) {
    if (!links.has(link)) ctx.gates.send(gate, { type: 'closeLink', link, reason: 'removed' });
  }
  for (const link of ctx.gates.linksOfGate(gate)) {
    const isLocked = ctx.locks.find(link) !== undefined;
    if (isLocked) ctx.gates.send(gate, { type: 'closeLink', link: link.id, reason: 'lock' });
    else if (link.sessions.size > 0) sendLease(ctx, link);
  }
}
