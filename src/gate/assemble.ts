// Puts the gate together and runs it: front door, links, channels and the line to the authority. Reads
// nothing from disk and holds no key but its own TLS key, made at start: whatever it knows came by
// arguments or by the control socket.

import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Order, RefusalBody, Registered } from '../wire/control.ts';
import { AuthorityClient } from './authority-client.ts';
import { Channels } from './channels.ts';
import { openFrontDoor, type FrontDoor, type Guest } from './front-door.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { Links } from './links.ts';
import { passThrough } from './pass-through.ts';
import { channelAlpn, linkAlpn } from '../wire/alpn.ts';
import type { Route } from './route.ts';
import { Sessions } from './sessions.ts';
import { TlsEnd, type Arrival, type GateIdentity } from './tls.ts';

export type GateBounds = { readonly [name in keyof typeof limits]: number };

export interface GateOptions {
  /** The authority's unix sockets. */
  readonly controlSocket: string;
  readonly apiSocket: string;
  readonly apiMtlsSocket: string;
  readonly webSocket: string;
  /** There while a certificate is asked for; absent: nobody answers. */
  readonly acmeSocket?: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly gateName: string;
  /** Of this program. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Aborts the gate. */
  readonly signal?: AbortSignal;
  /** For tests: smaller numbers than limits.ts has. */
  readonly bounds?: Partial<GateBounds>;
}

export interface Gate {
  readonly port: number;
  /** No newcomers; what lives may finish, for limits.drainMaxMs, and is then ended: `shutdown`. */
  drain(): Promise<void>;
  /** Ends everything now. */
  abort(): void;
  /** Resolves when the gate has ended, by whichever of the two. */
  readonly closed: Promise<void>;
}

/** Resolves when the port is open, so after the first registration. Throws SallyportError with words. */
export async function runGate(options: GateOptions): Promise<Gate> {
  const gate = new RunningGate(options);
  const stop = (): void => gate.abort();
  options.signal?.addEventListener('abort', stop, { once: true });
  if (options.signal?.aborted === true) stop();
  try {
    await gate.start();
    return gate;
  } catch (error) {
    gate.abort();
    throw error;
  }
}

class RunningGate implements Gate {
  readonly closed: Promise<void>;
  readonly #options: GateOptions;
  readonly #bounds: GateBounds;
  readonly #authority: AuthorityClient;
  readonly #sessions: Sessions;
  readonly #links: Links;
  readonly #channels: Channels;
  readonly #handshakes: HandshakeGate;
  #ends: { readonly link: TlsEnd; readonly channel: TlsEnd } | undefined;
  #apiHosts: readonly string[] = [];
  #door: FrontDoor | undefined;
  #draining: Promise<void> | undefined;
  #isOver = false;
  #resolveClosed: () => void = () => undefined;

  constructor(options: GateOptions) {
    const { clock, log, random } = options;
    const bounds: GateBounds = { ...limits, ...options.bounds };
    this.#options = options;
    this.#bounds = bounds;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#authority = new AuthorityClient({
      controlSocket: options.controlSocket,
      gateName: options.gateName,
      clock,
      log,
      bounds,
      carried: () => ({ links: this.#links.carried, sessions: this.#sessions.ids }),
      onRegistered: (identity, registered) => this.#registered(identity, registered),
      onCertificate: (identity) => this.#showIdentity(identity),
      onOrder: (order) => this.#obey(order),
      onCutOff: () => this.#sessions.endAll('shutdown'),
    });
    const authority = this.#authority;
    this.#sessions = new Sessions({
      clock,
      onEnded: (session, reason) =>
        authority.report({ path: '/gate/sessions/ended', body: { session, reason } }),
    });
    const sessions = this.#sessions;
    const { gateName, version } = options;
    const onLost = (link: string): void => sessions.linkLost(link);
    this.#links = new Links({ authority, gateName, version, clock, random, log, bounds, onLost });
    this.#channels = new Channels({ authority, links: this.#links, sessions, clock, log, bounds });
    this.#handshakes = new HandshakeGate({
      linkHandshakesMax: bounds.linkHandshakesMax,
      waitingMax: bounds.unauthenticatedConnectionsMax,
    });
  }

  get port(): number {
    return this.#door?.port ?? 0;
  }

  async start(): Promise<void> {
    await this.#authority.start();
    const { listen, clock, log } = this.#options;
    this.#door = await openFrontDoor({
      listen,
      bounds: this.#bounds,
      clock,
      log,
      apiHosts: () => this.#apiHosts,
      receive: (route, guest) => this.#receive(route, guest),
      onRefused: (refusal) => this.#reportRefusal('front', refusal),
    });
    // Stopped while the port was being opened.
    if (this.#isOver) this.#door.abort();
    log.info({ host: listen.host, port: this.port }, 'the front door is open');
  }

  async drain(): Promise<void> {
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#door?.abort();
    this.#channels.abort();
    this.#links.abort();
    this.#authority.stop();
    this.#resolveClosed();
  }

  async #drain(): Promise<void> {
    const { clock, log } = this.#options;
    this.#door?.close();
    log.info({ sessions: this.#sessions.ids.length }, 'the gate is draining');
    // Agents spread their return, so that the next gate is not stormed.
    const comeBack = { minMs: this.#bounds.reconnectMinMs, maxMs: this.#bounds.reconnectMaxMs / 6 };
    // Set before the connections set theirs: the sessions are then ended with the right reason.
    const last = clock.setTimer(this.#bounds.drainMaxMs, () => this.#sessions.endAll('shutdown'));
    const channels = this.#channels.drain(comeBack);
    // Links first would look to a new channel as a lost device; an operator is told by his own GOAWAY.
    await Promise.all([channels, this.#links.drain(comeBack)]);
    last.cancel();
    await this.#tellTheRest();
    this.abort();
  }

  /** The last reports, if the authority still listens; it may be stopping too. */
  async #tellTheRest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const deadline = this.#options.clock.setTimer(this.#bounds.reconnectMinMs, resolve);
      void this.#authority.whenTold().then(() => {
        deadline.cancel();
        return resolve();
      });
    });
  }

  #receive(route: Route, guest: Guest): void {
    switch (route) {
      case 'link':
        return this.#receiveLink(guest);
      case 'channel':
        return this.#receiveChannel(guest);
      case 'apiMtls':
        return void this.#passThrough(guest, this.#options.apiMtlsSocket, () => guest.place.release());
      case 'acme': {
        const { acmeSocket } = this.#options;
        if (acmeSocket === undefined) return void guest.socket.destroy();
        return void this.#passThrough(guest, acmeSocket, () => undefined);
      }
      case 'api':
      case 'web':
        // The authority has a deadline for each of these; a device that measures its NAT wants silence.
        guest.socket.setKeepAlive(false);
        return void this.#passThrough(
          guest,
          route === 'api' ? this.#options.apiSocket : this.#options.webSocket,
          () => undefined,
        );
    }
  }

  async #passThrough(guest: Guest, path: string, onHandshakeDone: () => void): Promise<void> {
    const { socket, hello } = guest;
    const { tlsHandshakeTimeoutMs } = this.#bounds;
    const { clock } = this.#options;
    await passThrough({ socket, hello, path, clock, tlsHandshakeTimeoutMs, onHandshakeDone });
  }

  #receiveLink(guest: Guest): void {
    const { socket, hello, remoteAddress, place } = guest;
    const giveUp = this.#handshakes.enter((leave) => {
      waited.cancel();
      this.#ends?.link.receive(socket, hello, {
        remoteAddress,
        onRefused: leave,
        onArrival: (arrival) => {
          place.release();
          void this.#links.arrive(arrival).finally(leave);
        },
      });
    });
    const waited = this.#options.clock.setTimer(this.#bounds.tlsHandshakeTimeoutMs, () => socket.destroy());
    if (giveUp === undefined) socket.destroy();
    socket.once('close', () => {
      waited.cancel();
      giveUp?.();
    });
  }

  #receiveChannel(guest: Guest): void {
    const { socket, hello, remoteAddress, place } = guest;
    this.#ends?.channel.receive(socket, hello, {
      remoteAddress,
      onRefused: () => undefined,
      onArrival: (arrival: Arrival) => {
        place.release();
        void this.#channels.arrive(arrival);
      },
    });
  }

  #registered(identity: GateIdentity, registered: Registered): void {
    this.#apiHosts = registered.apiHosts;
    this.#showIdentity(identity);
    for (const session of registered.cutSessions) this.#sessions.cut(session, 'shutdown');
    for (const link of registered.closeLinks) this.#links.close(link, 'removed');
  }

  #showIdentity(identity: GateIdentity): void {
    if (this.#ends === undefined) {
      const { clock, log } = this.#options;
      const common = { identity, clock, log, tlsHandshakeTimeoutMs: this.#bounds.tlsHandshakeTimeoutMs };
      this.#ends = {
        link: new TlsEnd({
          ...common,
          alpn: linkAlpn,
          kinds: ['device'],
          onRefused: (refusal) => this.#reportRefusal('link', refusal),
        }),
        channel: new TlsEnd({
          ...common,
          alpn: channelAlpn,
          kinds: ['human', 'machine', 'ai_agent'],
          onRefused: (refusal) => this.#reportRefusal('channel', refusal),
        }),
      };
      return;
    }
    this.#ends.link.setIdentity(identity);
    this.#ends.channel.setIdentity(identity);
  }

  #reportRefusal(door: RefusalBody['door'], refusal: Omit<RefusalBody, 'door'>): void {
    this.#authority.report({ path: '/gate/refusals', body: { door, ...refusal } });
  }

  #obey(order: Order): void {
    switch (order.type) {
      case 'cut':
        for (const session of order.sessions) this.#sessions.cut(session, order.reason);
        return undefined;
      case 'lease':
        return this.#links.lease(order.link, order.lease);
      case 'closeLink':
        return this.#links.close(order.link, order.reason);
      case 'heartbeat':
      case 'renewCertificate':
        return undefined;
      default: {
        const unknown: never = order;
        throw new SallyportError('internal', `no such order: ${JSON.stringify(unknown)}`);
      }
    }
  }
}
