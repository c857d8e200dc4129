// The sessions in which a byte may move, in memory: what a lock is matched against, which link leases
// them, and the timers that end them. A copy of what the store says, rebuilt from it at start, so that a
// cut never waits for a read.

import type { Identity, Role } from '../../core/identity.ts';
import type { Clock } from '../../platform/clock.ts';
import type { DeviceId, IdentityId, LinkId, ServiceId, SessionId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import type { LockSubject } from '../../core/lock.ts';
import type { Session } from '../../core/session-record.ts';

export interface LiveSession {
  readonly id: SessionId;
  readonly tenant: string;
  readonly identity: IdentityId;
  readonly owner?: IdentityId;
  /** Of the key that opened it. */
  readonly cnf: string;
  /** When it opened; whoever gets another role is decided on again anyway. */
  readonly roles: readonly Role[];
  readonly vendor?: string;
  readonly behalf?: readonly IdentityId[];
  readonly device: DeviceId;
  readonly service?: ServiceId;
  readonly link: LinkId;
  readonly gate: string;
  readonly mustEndAt: number;
  /** It stands on approvals. */
  readonly isApproved: boolean;
  readonly ticket?: string;
  /** What it is that comes at `mustEndAt`. */
  readonly lastsUntil: 'deadline' | 'window' | 'ticket';
}

export type Expiry = 'start' | 'deadline';

interface Entry {
  readonly session: LiveSession;
  cancelStart: () => void;
  readonly cancelDeadline: () => void;
}

export class LiveSessions {
  readonly #clock: Clock;
  readonly #entries = new Map<SessionId, Entry>();
  /** Those that are being written count too. */
  readonly #perIdentity = new Map<IdentityId, number>();
  /** Forgotten here, and their ends not on the record yet. */
  readonly #ending = new Map<SessionId, PromiseWithResolvers<void>>();
  #onExpiry: (session: SessionId, expiry: Expiry) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Who is told when a session did not start in time or reached its end. Set once, in assemble.ts. */
  onExpiry(listener: (session: SessionId, expiry: Expiry) => void): void {
    this.#onExpiry = listener;
  }

  /**
   * A place for a session that is about to be written, so that those asked for at once count too; undefined
   * when the identity has no place left. The answer gives it back, once the session is added or came to nothing.
   */
  takePlace(identity: IdentityId): (() => void) | undefined {
    if (this.countOf(identity) >= limits.sessionsPerIdentityMax) return undefined;
    this.#count(identity, 1);
    return () => this.#count(identity, -1);
  }

  /** `holder`: whose it is, as he is now; absent for one who is gone. */
  add(session: Session, holder?: Identity): LiveSession {
    const live: LiveSession = {
      id: session.id,
      tenant: session.tenant,
      identity: session.identity,
      ...(holder?.owner === undefined ? {} : { owner: holder.owner }),
      cnf: session.cnf,
      roles: holder?.roles ?? [],
      ...(holder?.vendor === undefined ? {} : { vendor: holder.vendor }),
      ...(session.behalf === undefined ? {} : { behalf: session.behalf.chain }),
      device: session.device,
      ...(session.service === undefined ? {} : { service: session.service }),
      link: session.link,
      gate: session.gate,
      mustEndAt: session.mustEndAt,
      isApproved: session.request !== undefined,
      ...(session.ticket === undefined ? {} : { ticket: session.ticket }),
      lastsUntil: lastsUntil(session),
    };
    const now = this.#clock.now();
    const start =
      session.state === 'issued'
        ? this.#clock.setTimer(Math.max(0, session.startBy - now), () => this.#onExpiry(live.id, 'start'))
        : undefined;
    const deadline = this.#clock.setTimer(Math.max(0, session.mustEndAt - now), () =>
      this.#onExpiry(live.id, 'deadline'),
    );
    this.#entries.set(live.id, {
      session: live,
      cancelStart: () => start?.cancel(),
      cancelDeadline: () => deadline.cancel(),
    });
    this.#count(live.identity, 1);
    return live;
  }

  get(id: SessionId): LiveSession | undefined {
    return this.#entries.get(id)?.session;
  }

  /** Its first channel came: the start-by timer is off. */
  started(id: SessionId): void {
    this.#entries.get(id)?.cancelStart();
  }

  /**
   * Forgets it and its timers. Undefined when it was not live: somebody else is ending it. Whoever gets one
   * says `recorded` when its end is written, or could not be.
   */
  remove(id: SessionId): LiveSession | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#ending.set(id, Promise.withResolvers());
    entry.cancelStart();
    entry.cancelDeadline();
    this.#count(entry.session.identity, -1);
    return entry.session;
  }

  recorded(id: SessionId): void {
    this.#ending.get(id)?.resolve();
    this.#ending.delete(id);
  }

  /** Resolves at once when nobody is writing this session's end. */
  async whenRecorded(id: SessionId): Promise<void> {
    await this.#ending.get(id)?.promise;
  }

  countOf(identity: IdentityId): number {
    return this.#perIdentity.get(identity) ?? 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  all(): readonly LiveSession[] {
    return [...this.#entries.values()].map((entry) => entry.session);
  }

  matching(matches: (subject: LockSubject) => boolean): readonly SessionId[] {
    const found: SessionId[] = [];
    for (const { session } of this.#entries.values()) if (matches(subjectOf(session))) found.push(session.id);
    return found;
  }

  #count(identity: IdentityId, change: 1 | -1): void {
    const count = this.countOf(identity) + change;
    if (count > 0) this.#perIdentity.set(identity, count);
    else this.#perIdentity.delete(identity);
  }
}

export function subjectOf(session: LiveSession): LockSubject {
  return {
    tenant: session.tenant,
    identity: session.identity,
    owner: session.owner,
    credential: session.cnf,
    roles: session.roles,
    vendor: session.vendor,
    ticket: session.ticket,
    behalf: session.behalf,
    device: session.device,
    service: session.service,
    session: session.id,
  };
}

function lastsUntil({ mustEndAt, windowEndsAt, ticketEndsAt }: Session): LiveSession['lastsUntil'] {
  if (ticketEndsAt === mustEndAt) return 'ticket';
  return windowEndsAt === mustEndAt ? 'window' : 'deadline';
}
