// Where links and channels end: TLS 1.3 with a client certificate from our CA, one ALPN name, and a check
// of the peer's SPIFFE kind (negative test L4). The socket comes from the front door with its ClientHello
// already read, which is pushed back in front. Keys and certificates come from the authority and are
// replaced while connections live on.

import type { KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { PeerKind } from '../core/identity.ts';
import type { Clock } from '../platform/clock.ts';
import { privatePem } from '../platform/keys.ts';
import type { Log } from '../platform/log.ts';
import type { RefusalBody } from '../wire/control.ts';
import { peerOf, type Peer } from '../wire/tls-peer.ts';

/** What the gate shows and trusts. */
export interface GateIdentity {
  readonly privateKey: KeyObject;
  /** PEM: leaf, issuing and roots, so that a first contact can compare the root. */
  readonly certificate: string;
  /** PEM: roots of those who come. */
  readonly root: string;
  readonly trustDomain: string;
  readonly env: string;
}

/** A peer that proved who he is. */
export interface Arrival {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** The leaf certificate, DER base64url, as the authority wants it. */
  readonly certificate: string;
  readonly remoteAddress: string;
}

export interface TlsEndOptions {
  readonly alpn: string;
  readonly kinds: readonly PeerKind[];
  readonly identity: GateIdentity;
  readonly clock: Clock;
  readonly log: Log;
  readonly tlsHandshakeTimeoutMs: number;
  /** Told of everybody who is turned away, for the audit log. */
  readonly onRefused: (refusal: Omit<RefusalBody, 'door'>) => void;
}

/** One connection on its way in. Exactly one of the two is called, once. */
export interface Incoming {
  readonly remoteAddress: string;
  onArrival(arrival: Arrival): void;
  onRefused(): void;
}

export class TlsEnd {
  readonly #options: TlsEndOptions;
  readonly #server;
  #identity: GateIdentity;
  /** By the four numbers of its TCP connection: tls.Server does not say which socket a TLSSocket wraps. */
  readonly #incoming = new Map<string, Incoming>();

  constructor(options: TlsEndOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#server = createServer({
      ...secureContext(options.identity),
      ALPNProtocols: [options.alpn],
      requestCert: true,
      // INVARIANT: #arrive lets nobody in whose certificate TLS did not authorise. Left to TLS, such a
      // connection would be closed without a word on who came, and the log would not know of it.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => this.#arrive(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const remoteAddress = socket.remoteAddress;
      socket.destroy();
      // Without an address it left by itself: nobody was turned away.
      if (remoteAddress !== undefined) options.onRefused({ fault: error.code ?? 'tls', remoteAddress });
      options.log.debug({ alpn: options.alpn, code: error.code }, 'a TLS handshake failed');
    });
  }

  /** For new connections; those that live keep what they have. */
  setIdentity(identity: GateIdentity): void {
    this.#identity = identity;
    this.#server.setSecureContext(secureContext(identity));
  }

  /** Takes over a socket whose ClientHello has been read. */
  receive(socket: Socket, hello: Uint8Array, incoming: Incoming): void {
    const { clock, tlsHandshakeTimeoutMs } = this.#options;
    const key = connectionKey(socket);
    this.#incoming.set(key, incoming);
    const deadline = clock.setTimer(tlsHandshakeTimeoutMs, () => {
      if (this.#incoming.get(key) !== incoming) return;
      socket.destroy();
      this.#options.onRefused({ fault: 'handshake_timeout', remoteAddress: incoming.remoteAddress });
    });
    socket.once('close', () => {
      deadline.cancel();
      if (this.#incoming.get(key) !== incoming) return;
      this.#incoming.delete(key);
      incoming.onRefused();
    });
    // The front door's sockets are half-open; a TLS peer that ends its side is gone.
    socket.allowHalfOpen = false;
    socket.unshift(hello);
    this.#server.emit('connection', socket);
  }

  #arrive(socket: TLSSocket): void {
    const key = connectionKey(socket);
    const incoming = this.#incoming.get(key);
    const certificate = socket.getPeerX509Certificate();
    const peer = socket.authorized
      ? peerOf(certificate, { now: this.#options.clock.now() })
      : unauthorised(socket);
    // A socket that closed meanwhile has lost its numbers, and its entry is gone or goes with 'close'.
    if (incoming === undefined) return void socket.destroy();
    if (typeof peer === 'string' || certificate === undefined || !this.#isWelcome(peer)) {
      const shown = typeof peer === 'string' ? peer : peer.kind;
      this.#options.onRefused({
        fault: typeof peer === 'string' ? peer : 'wrong_kind',
        ...(typeof peer === 'string' ? {} : { peer: peer.id }),
        remoteAddress: incoming.remoteAddress,
      });
      this.#options.log.warn({ alpn: this.#options.alpn, shown }, 'a certificate does not belong here');
      return void socket.destroy();
    }
    this.#incoming.delete(key);
    const { remoteAddress } = incoming;
    incoming.onArrival({ socket, peer, certificate: certificate.raw.toString('base64url'), remoteAddress });
  }

  #isWelcome(peer: Peer): boolean {
    const { trustDomain, env } = this.#identity;
    return peer.trustDomain === trustDomain && peer.env === env && this.#options.kinds.includes(peer.kind);
  }
}

/** Why TLS does not stand behind the certificate: its code. */
function unauthorised(socket: TLSSocket): string {
  const error: unknown = socket.authorizationError;
  return socket.getPeerX509Certificate() === undefined
    ? 'no_certificate'
    : typeof error === 'string'
      ? error
      : 'untrusted';
}

function secureContext(identity: GateIdentity): SecureContextOptions {
  return {
    key: privatePem(identity.privateKey),
    cert: identity.certificate,
    ca: identity.root,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  };
}

function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
