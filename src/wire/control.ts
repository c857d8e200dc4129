// What gate and authority say to each other over their own HTTP/2 connection (docs/protocol.md,
// "Control"). The gate is the client; orders come down one long response as lines of JSON.

import type { LinkEnd } from '../core/device.ts';
import type { EndReason } from '../core/end-reason.ts';

/** 4: the authority's yes to a channel carries the approvals that it stands on. */
export const controlVersion = 4;

/** One line of /gate/asks, to the authority. */
export interface Ask {
  /** Chosen by the gate, one of its own for each ask of a connection. */
  readonly id: number;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One line of /gate/asks, to the gate; answers come as they are ready. */
export type Answer =
  | { readonly id: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly id: number; readonly problem: Readonly<Record<string, unknown>> };

export interface RegisterBody {
  readonly version: number;
  readonly gate: string;
  /** PEM PKCS#10 for the gate's own key, which never leaves its memory. */
  readonly csr: string;
  /** What this gate carries now; non-empty when only the authority was restarted. */
  readonly links: readonly { readonly link: string; readonly device: string; readonly linkNonce: string }[];
  readonly sessions: readonly string[];
}

export interface IssuedCertificate {
  /** PEM chain of the gate, leaf first, roots last. */
  readonly certificate: string;
  /** PEM: roots of the certificates that may come to the gate. */
  readonly root: string;
}

export interface Registered extends IssuedCertificate {
  readonly trustDomain: string;
  readonly env: string;
  /** Names and addresses that belong to the api: the front door passes their connections through. */
  readonly apiHosts: readonly string[];
  /** Links and sessions that must not go on. */
  readonly closeLinks: readonly string[];
  readonly cutSessions: readonly string[];
}

export type Order =
  | { readonly type: 'heartbeat'; readonly time: number; readonly lockVersion: number }
  /** The keys of the authority are others: another certificate is to be asked for now. */
  | { readonly type: 'renewCertificate' }
  | { readonly type: 'lease'; readonly link: string; readonly lease: string }
  /** All at once: the gate looks at nothing else before every one of them has stopped. */
  | { readonly type: 'cut'; readonly sessions: readonly string[]; readonly reason: EndReason }
  | { readonly type: 'closeLink'; readonly link: string; readonly reason: LinkEnd };

/** What the agent said in its hello, as the gate passes it on. */
export interface Hello {
  readonly version: number;
  readonly agentVersion: string;
  readonly linkNonce: string;
  readonly stateEpoch: number;
  readonly platform: string;
}

export interface LinkBody {
  readonly link: string;
  /** The device's leaf certificate, DER base64url. */
  readonly certificate: string;
  readonly remoteAddress: string;
  readonly hello: Hello;
}
export interface LinkAccepted {
  readonly device: string;
  readonly name: string;
  readonly linkEpoch: number;
  readonly welcome: string;
  readonly keyset: string;
  readonly lease: string;
}

export interface LinkClosedBody {
  readonly link: string;
  readonly reason: LinkEnd;
}

export interface ChannelBody {
  readonly session: string;
  /** The operator's leaf certificate, DER base64url. */
  readonly certificate: string;
  /** The operator's signed open. */
  readonly open: string;
  /** Canonical JSON of the parameters, as received. */
  readonly params: string;
  readonly remoteAddress: string;
}
export interface ChannelAccepted {
  readonly link: string;
  readonly pass: string;
  /** What the session stands on, for a device that looks at approvals itself: wire/approval.ts. */
  readonly approval?: string;
  readonly n: number;
  readonly idleMs: number;
  readonly mustEndAt: number;
}

/** Channels of one session, in the order in which they ended here. */
export interface ChannelsClosedBody {
  readonly session: string;
  readonly channels: readonly ChannelEnd[];
}

export interface ChannelEnd {
  /** How many of the session's channels had ended here before: what is told twice counts once. Absent: it never had a place in it. */
  readonly nth?: number;
  readonly n: number;
  readonly ended: 'clean' | 'cut' | 'refused';
  /** The agent's refusal code, or the exit as the agent stated it. */
  readonly code?: string;
  readonly exit?: { readonly code?: number; readonly signal?: string };
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** tcp: "ip:port", the address that the agent says it dialled. */
  readonly peer?: string;
  /** From the agent's yes to the end; absent when there was none. */
  readonly durationMs?: number;
}

/**
 * Somebody whom the gate turned away without asking: `front`, before it was known what he wants; `link` and
 * `channel`, by TLS, as nobody we know or not of this kind; `request`, an operator's malformed request.
 */
export interface RefusalBody {
  readonly door: 'front' | 'link' | 'channel' | 'request';
  /** A code: of gate/front-door.ts, of TLS, of wire/tls-peer.ts, `wrong_kind`, or of core/errors.ts. */
  readonly fault: string;
  /** The id in the certificate of ours that was shown. */
  readonly peer?: string;
  readonly remoteAddress: string;
}

export interface SessionEndedBody {
  readonly session: string;
  readonly reason: EndReason;
}
