// One door of the api: unix socket, PROXY line, TLS 1.3, HTTP/1.1, and then the routes.
//
// Node's own header and request timeouts work on listening servers only, and this HTTP server never
// listens: connections are handed to it. So each connection carries one deadline here: for the handshake,
// for the next whole request head, and for request and answer (negative test L2).

import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { limits } from '../../core/limits.ts';
import type { Timer } from '../../platform/clock.ts';
import type { AuthorityContext } from '../context.ts';
import { takeProxyLine } from './proxy-line.ts';
import type { Api } from './server.ts';

export interface DoorKind {
  readonly asksCertificate: boolean;
  readonly alpn: readonly string[];
  /** For browsers, and not for our own programs. */
  readonly isConsole: boolean;
}

type Parts = Pick<AuthorityContext, 'clock' | 'log' | 'pki'>;

/** A connection whose TLS is up. */
interface Peer {
  deadline: Timer;
  isBusy: boolean;
}

export class TlsDoor {
  readonly #api: Api;
  readonly #kind: DoorKind;
  readonly #parts: Parts;
  readonly #front: Server;
  readonly #https: HttpsServer;
  /** From the PROXY line to the TLS socket that node makes of the one it is handed. */
  readonly #sources = new AsyncLocalStorage<string>();
  /** Every connection, from its first byte on. */
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<TLSSocket, Peer>();
  #hasIdentity = false;
  #isClosing = false;
  #onIdle: () => void = () => undefined;

  constructor(api: Api, kind: DoorKind, parts: Parts) {
    this.#api = api;
    this.#kind = kind;
    this.#parts = parts;
    this.#front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.#greet(socket));
    this.#front.maxConnections = limits.apiConnectionsMax;
    this.#https = createHttpsServer({
      ...this.#secureContext(),
      requestCert: kind.asksCertificate,
      // INVARIANT: #admit lets nobody in whose certificate TLS did not authorise. Left to TLS, such a
      // connection would be closed without a word on who came, and the log would not know of it.
      rejectUnauthorized: false,
      ALPNProtocols: [...kind.alpn],
      handshakeTimeout: limits.tlsHandshakeTimeoutMs,
      maxHeaderSize: limits.headersMaxBytes,
      keepAliveTimeout: limits.apiKeepAliveMs,
    });
    // Before the HTTP server's own listener, which may read a request at once.
    this.#https.prependListener('secureConnection', (socket: TLSSocket) => this.#admit(socket));
    this.#https.on('tlsClientError', (error: NodeJS.ErrnoException) => this.#turnAway(error));
    this.#https.on('request', (request, response) => this.#serve(request, response));
  }

  async listen(path: string, mode: number): Promise<void> {
    // Left behind by a process that was killed.
    await rm(path, { force: true });
    this.#front.listen(path);
    await once(this.#front, 'listening');
    await chmod(path, mode);
  }

  setIdentity(identity: { readonly key: string; readonly cert: string }): void {
    // All of it again: what is left out here falls back to a default, and the CA to the system's.
    this.#https.setSecureContext({ ...this.#secureContext(), key: identity.key, cert: identity.cert });
    this.#hasIdentity = true;
  }

  async close(): Promise<void> {
    if (!this.#isClosing) this.#front.close();
    this.#isClosing = true;
    const deadline = this.#parts.clock.setTimer(limits.apiRequestTimeoutMs, () => this.#onIdle());
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#resolveWhenIdle();
    });
    deadline.cancel();
    this.abort();
  }

  abort(): void {
    if (!this.#isClosing) this.#front.close();
    this.#isClosing = true;
    for (const [socket, peer] of this.#peers) {
      peer.deadline.cancel();
      socket.destroy();
    }
    for (const socket of this.#sockets) socket.destroy();
  }

  async #greet(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (err) => this.#parts.log.debug({ err }, 'api: a connection failed'));
    const source = await takeProxyLine(socket, this.#parts.clock);
    if (source === undefined) return;
    if (!this.#hasIdentity || this.#isClosing) socket.destroy();
    else this.#sources.run(source, () => this.#https.emit('connection', socket));
  }

  #admit(socket: TLSSocket): void {
    const sourceIp = this.#sources.getStore();
    if (sourceIp === undefined) return void socket.destroy();
    if (this.#kind.asksCertificate && !socket.authorized) {
      const error: unknown = socket.authorizationError;
      const isBare = socket.getPeerX509Certificate() === undefined;
      const fault = isBare ? 'no_certificate' : typeof error === 'string' ? error : 'untrusted';
      socket.destroy();
      return void this.#api.noteTurnedAway(fault, sourceIp);
    }
    const certificate = this.#kind.asksCertificate ? socket.getPeerX509Certificate() : undefined;
    const peer: Peer = { deadline: this.#deadline(socket, limits.firstRequestTimeoutMs), isBusy: false };
    const allowTime = (response: ServerResponse): void => this.#allowTime(socket, peer, response);
    this.#api.connections.vouch(socket, {
      certificate,
      sourceIp,
      isBrowsers: this.#kind.isConsole,
      allowTime,
    });
    this.#peers.set(socket, peer);
    socket.on('close', () => {
      peer.deadline.cancel();
      this.#peers.delete(socket);
      this.#resolveWhenIdle();
    });
  }

  #turnAway(error: NodeJS.ErrnoException): void {
    const { code } = error;
    this.#parts.log.debug({ err: error }, 'api: a TLS handshake failed');
    const sourceIp = this.#sources.getStore();
    // Reset: left by itself, nobody was turned away.
    if (sourceIp === undefined || code === 'ECONNRESET') return;
    void this.#api.noteTurnedAway(code ?? 'tls', sourceIp);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const socket = request.socket as TLSSocket;
    const peer = this.#peers.get(socket);
    if (peer === undefined) return void socket.destroy();
    peer.isBusy = true;
    peer.deadline.cancel();
    peer.deadline = this.#deadline(socket, limits.apiRequestTimeoutMs);
    if (this.#isClosing) response.setHeader('connection', 'close');
    response.on('close', () => {
      peer.isBusy = false;
      peer.deadline.cancel();
      // The connection may be what ended first; nobody would cancel a deadline for it any more.
      if (!this.#peers.has(socket)) return;
      peer.deadline = this.#deadline(socket, limits.apiKeepAliveMs + limits.firstRequestTimeoutMs);
      this.#resolveWhenIdle();
    });
    this.#api.app.routing(request, response);
  }

  /** The gate takes a connection for established once the server has spoken again: hence the 102. */
  #allowTime(socket: TLSSocket, peer: Peer, response: ServerResponse): void {
    peer.deadline.cancel();
    peer.deadline = this.#deadline(socket, limits.idleProbeMaxMs + limits.apiRequestTimeoutMs);
    peer.isBusy = false;
    response.writeProcessing();
    this.#resolveWhenIdle();
  }

  #deadline(socket: TLSSocket, ms: number): Timer {
    return this.#parts.clock.setTimer(ms, () => socket.destroy(), { ref: false });
  }

  #resolveWhenIdle(): void {
    if (this.#isClosing && ![...this.#peers.values()].some((peer) => peer.isBusy)) this.#onIdle();
  }

  #secureContext() {
    return {
      minVersion: 'TLSv1.3',
      ca: this.#parts.pki.trustedRootsPem,
      // No resumption: each connection proves its key anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as const;
  }
}
