// What every use-case of the authority is given. Use-cases are functions of this and their input, in four
// beats: gather facts, decide, record, act (style.md 4). Wired once, in assemble.ts.

import type { DeviceId, IdentityId, SessionId } from '../core/ids.ts';
import type { Identity } from '../core/identity.ts';
import type { PeerKind } from '../core/identity.ts';
import type { SignIn } from '../core/sign-in.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { OwnTries } from './api/own-tries.ts';
import type { Authorities } from './pki/authority-keys.ts';
import type { PolicyBook } from './policy/policy-book.ts';
import type { LastYes } from './passkeys/last-yes.ts';
import type { StepUps } from './passkeys/step-ups.ts';
import type { GateBook } from './gates/gate-book.ts';
import type { LiveSessions } from './sessions/live-sessions.ts';
import type { LockBook } from './sessions/lock-book.ts';
import type { Store } from './store/store.ts';
import type { TicketLookUps } from './tickets/look-up.ts';
import type { TicketBook } from './tickets/ticket-book.ts';
import type { WindowBook } from './windows/window-book.ts';

export interface AuthorityContext {
  /** Of all tenants, where this is of one: for what cuts or reviews sessions, whoever they are of. */
  readonly whole: AuthorityContext;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly policy: PolicyBook;
  readonly pki: Authorities;
  /** PEM of what browsers have to be told to trust; absent where the owner brought a certificate of his own. */
  readonly consoleRoot?: string | undefined;
  /** Standing locks, in memory, read at every decision. */
  readonly locks: LockBook;
  /** Maintenance windows, in memory, read at every decision. */
  readonly windows: WindowBook;
  /** Tickets of other systems, in memory, read at every decision. */
  readonly tickets: TicketBook;
  /** And the way to ask their systems. */
  readonly lookUps: TicketLookUps;
  /** Sessions that wait for a passkey's yes, in memory. */
  readonly stepUps: StepUps;
  /** When somebody last gave a code of his authenticator app, in memory. */
  readonly codes: LastYes<'totp'>;
  readonly codeTries: OwnTries;
  /** Refused passkeys, and sealed requests, of who is signed in. */
  readonly passkeyTries: OwnTries;
  readonly breakGlassTries: OwnTries;
  /** Sessions in which a byte may move. */
  readonly sessions: LiveSessions;
  /** Connected gates, live links, and the way to send them orders. */
  readonly gates: GateBook;
  readonly broker: BrokerFacts;
}

export interface BrokerFacts {
  readonly name: string;
  readonly version: string;
  /** host:port that devices and people are told, e.g. in an invite. */
  readonly address: string;
  /** host:port of where it may be found too. */
  readonly also: readonly string[];
  readonly stateEpoch: number;
  /** From the second administrator on, changes of who may do what wait for another one. */
  readonly fourEyes: boolean;
  /** How long a command's sign-in goes on, where its person can sign in again by himself. */
  readonly signInMs: number;
  /** Absent: browsers find nothing here. */
  readonly console?: ConsoleFacts;
}

/** Where the console is, exactly as browsers name it. */
export interface ConsoleFacts {
  /** A DNS name: the relying party of passkeys (WebAuthn, "RP ID"). */
  readonly host: string;
  /** "https://host[:port]". */
  readonly origin: string;
}

/** Who is calling an api route: proved by the client certificate, looked up in the store, not locked. */
export interface Caller {
  readonly kind: PeerKind;
  readonly id: IdentityId | DeviceId;
  /** Of all that is there, it reaches what is of this one. */
  readonly tenant: string;
  /** SPKI thumbprint of the certificate's key. In a browser there is none: no thumbprint is equal to it. */
  readonly spki: string;
  readonly serial: string;
  readonly notAfter: number;
  /** In a browser. */
  readonly signIn?: SignIn;
  /** People, machines and AI agents; absent for devices. */
  readonly identity?: Identity;
  readonly sourceIp: string;
}

export type Cut = readonly SessionId[];
