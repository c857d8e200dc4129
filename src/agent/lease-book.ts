// Which sessions this link may carry, and until when (design section 6, docs/protocol.md "Leases"). Knows
// numbers and names only: who cuts, and how, is the session table's business. Pure.
//
// INVARIANT: a session lives only while the newest lease lists it and holds, or while one of its passes was
// issued under that lease or a later one and is not older than a lease's life. Either way the authority's
// word is at most that old, whatever a gate withholds.

import { limits } from '../core/limits.ts';
import type { Lease } from '../wire/link-statements.ts';

/** What of a pass counts as the authority's word that its session lives. */
export interface LeaseClaim {
  readonly leaseSeq: number;
  /** Unix ms, signed time. */
  readonly issuedAt: number;
}

export interface LeaseAnswer {
  readonly accepted: boolean;
  /** Live sessions that the lease rules out. */
  readonly cut: readonly string[];
}

export class LeaseBook {
  #lease: Lease | undefined;
  #listed: ReadonlySet<string> = new Set();
  /** Live session -> its newest pass. */
  readonly #live = new Map<string, LeaseClaim>();

  /** Of the newest lease. */
  get seq(): number {
    return this.#lease?.seq ?? 0;
  }

  get validUntil(): number | undefined {
    return this.#lease?.validUntil;
  }

  /** Takes a newer lease and says which live sessions it ends; an older or equal one is ignored. */
  accept(lease: Lease): LeaseAnswer {
    if (this.#lease !== undefined && lease.seq <= this.#lease.seq) return { accepted: false, cut: [] };
    this.#lease = lease;
    this.#listed = new Set(lease.sessions);
    const cut = [...this.#live].filter(([session, claim]) => !this.mayList(session, claim.leaseSeq));
    return { accepted: true, cut: cut.map(([session]) => session) };
  }

  /** Listed, or issued afterwards: the newest lease does not speak against it. */
  mayList(session: string, leaseSeq: number): boolean {
    return this.#lease !== undefined && (this.#listed.has(session) || leaseSeq >= this.#lease.seq);
  }

  /** Whether the session is leased at `now` (Unix ms, signed time), counting this pass. */
  holds(session: string, claim: LeaseClaim, now: number): boolean {
    if (this.#lease === undefined || !this.mayList(session, claim.leaseSeq)) return false;
    const ownUntil = claim.leaseSeq >= this.#lease.seq ? claim.issuedAt + limits.leaseLifeMs : 0;
    return now <= Math.max(this.#lease.validUntil, ownUntil);
  }

  /** Live sessions whose lease ran out. */
  expired(now: number): readonly string[] {
    return [...this.#live].filter(([id, claim]) => !this.holds(id, claim, now)).map(([id]) => id);
  }

  enter(session: string, claim: LeaseClaim): void {
    const known = this.#live.get(session);
    this.#live.set(session, {
      leaseSeq: Math.max(claim.leaseSeq, known?.leaseSeq ?? 0),
      issuedAt: Math.max(claim.issuedAt, known?.issuedAt ?? 0),
    });
  }

  leave(session: string): void {
    this.#live.delete(session);
  }
}
