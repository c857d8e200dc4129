// Which sessions this link may carry, and until when (design section 6, docs/protocol.md "Leases"). Knows
// numbers and names only: who cuts, and how, is the session table's business. Pure.
//
// INVARIANT: a session that is not in the newest lease lives only if one of its passes names that lease's
// seq or a later one, for it was issued afterwards. Past `validUntil` nothing lives.

import type { Lease } from '../wire/link-statements.ts';

export type LeaseAnswer = { readonly accepted: boolean; readonly cut: readonly string[] };

export class LeaseBook {
  #lease: Lease | undefined;
  #listed: ReadonlySet<string> = new Set();
  /** Live session -> the highest lease seq that one of its passes named. */
  readonly #live = new Map<string, number>();

  get validUntil(): number | undefined {
    return this.#lease?.validUntil;
  }

  get seq(): number {
    return this.#lease?.seq ?? 0;
  }

  /** Takes a newer lease and says which live sessions it ends; an older or equal one is ignored. */
  accept(lease: Lease): LeaseAnswer {
    if (this.#lease !== undefined && lease.seq <= this.#lease.seq) return { accepted: false, cut: [] };
    this.#lease = lease;
    this.#listed = new Set(lease.sessions);
    const cut = [...this.#live].filter(([session, seq]) => !this.allows(session, seq)).map(([id]) => id);
    return { accepted: true, cut };
  }

  /** Whether a pass with this seq may still open something in the session. */
  allows(session: string, leaseSeq: number): boolean {
    return this.#lease !== undefined && (this.#listed.has(session) || leaseSeq >= this.#lease.seq);
  }

  /** Whether the lease holds at `now` (Unix ms, signed time). No lease yet is a stale one. */
  isFresh(now: number): boolean {
    return this.#lease !== undefined && now <= this.#lease.validUntil;
  }

  enter(session: string, leaseSeq: number): void {
    this.#live.set(session, Math.max(leaseSeq, this.#live.get(session) ?? 0));
  }

  leave(session: string): void {
    this.#live.delete(session);
  }
}
