// The life of one HTTP/2 session over a socket, the same in both roles: it is open, drains, and has
// ended; one reason, told once. Owns the socket, the liveness watch and the count of control frames.

import { constants, type Http2Session, type Http2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ComeBack } from '../core/backoff.ts';
import { limits } from '../core/limits.ts';
import { systemClock, type Clock, type Timer } from '../platform/clock.ts';
import type { ByteStream } from './byte-stream.ts';
import { decodeComeBack, encodeComeBack } from './come-back.ts';
import { keepReading, type KeepReading } from './keep-reading.ts';
import { watchLiveness } from './liveness.ts';
import { PathWindow } from './path-window.ts';
import { RateBudget } from './rate-budget.ts';

/** Why a session ended; a closed list. */
export type SessionEndReason =
  /** close() here, everything drained. */
  | 'closed'
  /** abort() here, or drained too slowly. */
  | 'aborted'
  /** The peer said GOAWAY, or ended its connection. */
  | 'peer_closed'
  /** Nothing arrived for limits.peerDeadAfterMs. */
  | 'dead'
  /** More resets or control frames than its budget. */
  | 'flood'
  /** No request within limits.firstRequestTimeoutMs. */
  | 'silent'
  /** A frame that HTTP/2 forbids. */
  | 'protocol'
  /** The connection below failed. */
  | 'socket';

export interface SessionEnd {
  readonly reason: SessionEndReason;
  readonly error: Error | undefined;
  /** What the peer asked for in its GOAWAY, bounded. */
  readonly comeBack: ComeBack | undefined;
}

export interface SessionLimits {
  readonly pingIntervalMs?: number;
  readonly peerDeadAfterMs?: number;
}

export interface SessionLifeOptions extends SessionLimits {
  readonly clock?: Clock;
}

/** A socket with a count of received bytes: net.Socket and TLSSocket. */
export type CountedSocket = Duplex & { readonly bytesRead: number; readonly secureConnecting?: boolean };

/**
 * The socket must be ready. A server-side TLSSocket made by hand (not by a tls.Server, which also takes
 * sockets by emit('connection')) says "connecting" for ever, and a session on it would wait for ever.
 */
export function requireReady(socket: CountedSocket): void {
  if (socket.secureConnecting === true)
    throw new Error('a session starts on a TLS socket after its handshake');
}

type State = 'open' | 'draining' | 'ended';

export class SessionLife {
  readonly closed: Promise<SessionEnd>;
  readonly clock: Clock;
  readonly #session: Http2Session;
  readonly #socket: CountedSocket;
  readonly #streams = new Map<Http2Stream, ByteStream>();
  readonly #reading: KeepReading;
  readonly #window: PathWindow;
  #state: State = 'open';
  #resolve: (end: SessionEnd) => void = () => undefined;
  #cause: { readonly reason: SessionEndReason; readonly error: Error | undefined } | undefined;
  #comeBack: ComeBack | undefined;
  #drain: Timer | undefined;
  #isPeerGone = false;

  constructor(session: Http2Session, socket: CountedSocket, options: SessionLifeOptions) {
    this.clock = options.clock ?? systemClock;
    this.#session = session;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#window = new PathWindow({
      ping: (onAnswer) => this.#ping(onAnswer),
      announce: (bytes, onKnown) => this.#announceWindow(bytes, onKnown),
    });
    // The session window is raised only once the session exists on the wire ('connect').
    session.once('connect', () => {
      if (session.destroyed) return;
      session.setLocalWindowSize(limits.sessionWindowBytes);
      this.#window.ask();
    });
    this.#reading = keepReading({ socket, clock: this.clock, hasUnsent: () => this.#hasUnsent() });
    this.#watch(options);
    session.on('goaway', (code: number, _last: number, opaque?: Uint8Array) => {
      // A GOAWAY with words is followed by a plain one.
      this.#comeBack ??= decodeComeBack(opaque);
      if (code === 0) this.#startDraining('peer_closed');
      else this.end('peer_closed', new Error(`the peer gave the connection up, HTTP/2 code ${code}`));
    });
    // Node passes a fault of the protocol on to the socket, which reports it first.
    const fail = (error: NodeJS.ErrnoException): void =>
      this.end(error.code?.startsWith('ERR_HTTP2') === true ? 'protocol' : 'socket', error);
    session.on('error', fail);
    socket.on('error', fail);
    // Node would destroy the socket, and with it whole streams that are received but not yet read.
    socket.allowHalfOpen = true;
    socket.once('end', () => this.#peerEnded());
    session.once('close', () => this.end('peer_closed'));
    socket.once('close', () => this.#finish());
    if (socket.destroyed) this.end('socket', new Error('the connection was already closed'));
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** To be called at every write to one of its streams. */
  readonly wrote = (): void => this.#reading.wrote();

  /** To be called for every chunk that came on one of its streams. */
  readonly received = (bytes: number): void => this.#window.received(bytes);

  /** Every stream of the session is known here, until it is closed. */
  track(stream: Http2Stream, bytes: ByteStream): void {
    this.#streams.set(stream, bytes);
    this.#window.setStreams(this.#streams.size);
    stream.once('close', () => {
      this.#streams.delete(stream);
      this.#window.setStreams(this.#streams.size);
      this.#endIfDrained();
    });
  }

  /** Says GOAWAY, takes no new stream, ends when the live ones have, at the latest after drainMaxMs. */
  close(comeBack?: ComeBack): void {
    if (this.#state !== 'open') return;
    if (comeBack !== undefined) this.#session.goaway(0, 0, encodeComeBack(comeBack));
    this.#startDraining('closed');
    this.#session.close();
  }

  /** Ends at once, for a reason. What lives on the session is cut; all it held is freed. */
  end(reason: SessionEndReason, error?: Error): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#cause ??= { reason, error };
    this.#drain?.cancel();
    const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM } = constants;
    const code = reason === 'flood' ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_CANCEL;
    this.#session.destroy(error ?? new Error(`the connection ended: ${reason}`), code);
    // Destroying the session alone waits until its last frames have left, in a black hole for ever. Not in
    // this turn: this may run inside the native read of that socket, and freeing TLS below it crashes
    // the process.
    setImmediate(() => this.#socket.destroy());
    if (this.#socket.closed) this.#finish();
  }

  /** Node refuses pings on a draining session. */
  #ping(onAnswer: (roundTripMs: number) => void = () => undefined): boolean {
    const session = this.#session;
    if (session.closed || session.destroyed) return false;
    return session.ping((error, roundTripMs) => {
      if (error === null) onAnswer(roundTripMs);
    });
  }

  #announceWindow(bytes: number, onKnown: () => void): void {
    const session = this.#session;
    if (session.closed || session.destroyed) return;
    session.settings({ initialWindowSize: bytes }, (error) => {
      if (error === null) onKnown();
    });
  }

  #hasUnsent(): boolean {
    for (const stream of this.#streams.keys()) if (stream.writableLength > 0) return true;
    return false;
  }

  #peerEnded(): void {
    this.#isPeerGone = true;
    for (const [stream, bytes] of this.#streams) {
      if (!stream.closed) bytes.abort(new Error('the peer ended the connection'));
    }
    this.#startDraining('peer_closed');
    this.#endIfDrained();
  }

  #startDraining(reason: SessionEndReason): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#cause = { reason, error: undefined };
    const cut = (): void => {
      if (reason === 'closed') this.#cause = undefined;
      this.end('aborted', new Error('the connection did not drain in time'));
    };
    this.#drain = this.clock.setTimer(limits.drainMaxMs, cut, { ref: false });
    this.#endIfDrained();
  }

  // A drained session closes by itself once its last frames have left; when the peer went away while
  // they did, Node waits for it for ever.
  #endIfDrained(): void {
    if (this.#state !== 'draining' || this.#streams.size > 0) return;
    if (this.#isPeerGone) return this.end('peer_closed');
    this.#drain?.cancel();
    this.#drain = this.clock.setTimer(limits.closeGraceMs, () => this.end('aborted'), { ref: false });
  }

  #finish(): void {
    this.end('peer_closed');
    const { reason, error } = this.#cause ?? { reason: 'peer_closed', error: undefined };
    this.#resolve({ reason, error, comeBack: this.#comeBack });
  }

  #watch(options: SessionLifeOptions): void {
    const session = this.#session;
    const watch = watchLiveness({
      clock: this.clock,
      bytesRead: () => this.#socket.bytesRead,
      // Not while it drains: that end is bounded by drainMaxMs instead.
      ping: () => void this.#ping(),
      onLook: () => this.#reading.again(),
      onDead: (silentMs) => this.end('dead', new Error(`nothing arrived for ${silentMs} ms`)),
      ...(options.pingIntervalMs === undefined ? {} : { pingIntervalMs: options.pingIntervalMs }),
      ...(options.peerDeadAfterMs === undefined ? {} : { deadAfterMs: options.peerDeadAfterMs }),
    });
    void this.closed.then(() => {
      watch.stop();
      this.#reading.stop();
    });
    const controlFrames = new RateBudget({
      burst: limits.controlFramesPerSecond,
      perSecond: limits.controlFramesPerSecond,
      now: () => this.clock.bootMs(),
    });
    const count = (): void => {
      if (!controlFrames.spend()) this.end('flood', new Error('too many PING or SETTINGS frames'));
    };
    session.on('ping', count);
    session.on('remoteSettings', count);
  }
}
