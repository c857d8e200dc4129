// Leases (design section 6): for every link that carries sessions, the signed list of them, every 10 s
// and at once when one ends. A gate that withholds them loses the sessions within 30 s.

import { limits } from '../../core/limits.ts';
import { signStatement } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import type { LiveLink } from '../gates/gate-book.ts';

/**
 * Signs the next lease of a link. Sequence numbers come from the clock, in ms, and always rise: after a
 * restart the authority need not know the last one to be above it.
 */
export function nextLease(ctx: AuthorityContext, link: LiveLink): string {
  const now = ctx.clock.now();
  link.leaseSeq = Math.max(link.leaseSeq + 1, now);
  return signStatement(
    'lease',
    {
      device: link.device,
      linkNonce: link.linkNonce,
      seq: link.leaseSeq,
      lockVersion: ctx.locks.version,
      sessions: [...link.sessions],
      issuedAt: now,
      validUntil: now + limits.leaseLifeMs,
    },
    ctx.pki.passSigner,
  );
}

export function sendLease(ctx: AuthorityContext, link: LiveLink): void {
  ctx.gates.send(link.gate, { type: 'lease', link: link.id, lease: nextLease(ctx, link) });
}

/** Renews the leases of every link that carries something. Returns the stop. */
export function startLeases(ctx: AuthorityContext): () => void {
  let timer = ctx.clock.setTimer(limits.leaseIntervalMs, renew);
  function renew(): void {
    for (const link of ctx.gates.links()) if (link.sessions.size > 0) sendLease(ctx, link);
    timer = ctx.clock.setTimer(limits.leaseIntervalMs, renew);
  }
  return () => timer.cancel();
}
