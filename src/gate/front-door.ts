// The one public port. Reads the ClientHello of whoever comes, bounded in bytes, time and number, and
// sends the connection where its names say (route.ts): links and channels to this process's own TLS,
// everything else raw to the authority. Says nothing itself: whoever is not understood is closed.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { SallyportError } from '../core/errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { ClientHelloReader } from '../wire/client-hello.ts';
import type { RefusalBody } from '../wire/control.ts';
import { Admission, plainAddress, type AdmissionBounds, type Place } from './admission.ts';
import { routeOf, type Route } from './route.ts';

/** A connection whose hello was read; the socket is paused and whoever takes it owns it. */
export interface Guest {
  readonly socket: Socket;
  /** Everything received so far. */
  readonly hello: Uint8Array;
  readonly remoteAddress: string;
  /** Released when the guest has shown a good certificate; the socket's close releases it in any case. */
  readonly place: Place;
}

export interface FrontDoorOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly bounds: AdmissionBounds & {
    readonly clientHelloTimeoutMs: number;
    readonly pingIntervalMs: number;
  };
  readonly clock: Clock;
  readonly log: Log;
  readonly apiHosts: () => readonly string[];
  readonly receive: (route: Route, guest: Guest) => void;
  /** Told of everybody who is turned away, for the audit log. */
  readonly onRefused: (refusal: Omit<RefusalBody, 'door'>) => void;
}

/** Why a connection is not even looked at: the codes of the audit log. */
type FrontFault = 'too_many' | 'hello_timeout' | 'hello' | 'no_such_name';

export class FrontDoor {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;
  readonly admission: Admission;

  constructor(parts: { server: Server; sockets: ReadonlySet<Socket>; admission: Admission }) {
    this.#server = parts.server;
    this.#sockets = parts.sockets;
    this.admission = parts.admission;
    this.port = (parts.server.address() as AddressInfo).port;
  }

  /** No more guests; those inside stay. */
  close(): void {
    this.#server.close();
  }

  /** Everybody out, at once, on whatever route. */
  abort(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Resolves when the port is open; throws SallyportError with words when it cannot be. */
export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const admission = new Admission(options.bounds);
  const sockets = new Set<Socket>();
  // Half-open, because the api's connections keep their half-close; TLS of our own sets it back.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const remoteAddress = plainAddress(socket.remoteAddress ?? '');
    const turnAway = (fault: FrontFault): void => {
      socket.destroy();
      options.onRefused({ fault, remoteAddress });
    };
    const place = admission.admit(remoteAddress, () => turnAway('too_many'));
    // An error always ends in 'close', where everything is let go.
    socket.on('error', () => {});
    if (place === undefined) return turnAway('too_many');
    sockets.add(socket);
    socket.once('close', () => {
      place.release();
      sockets.delete(socket);
    });
    // For routes where nobody else notices a peer that vanished.
    socket.setKeepAlive(true, options.bounds.pingIntervalMs);
    readHello(socket, options, {
      onRoute: (route, hello) => options.receive(route, { socket, hello, remoteAddress, place }),
      onRefused: turnAway,
    });
  });
  await listening(server, options.listen);
  server.on('error', (error) => options.log.error({ error: error.message }, 'the front door has trouble'));
  return new FrontDoor({ server, sockets, admission });
}

function readHello(
  socket: Socket,
  options: FrontDoorOptions,
  then: {
    readonly onRoute: (route: Route, hello: Uint8Array) => void;
    readonly onRefused: (fault: FrontFault) => void;
  },
): void {
  const reader = new ClientHelloReader();
  const deadline = options.clock.setTimer(options.bounds.clientHelloTimeoutMs, () => {
    refuse('hello_timeout', 'too slow');
  });
  const stop = (): void => {
    deadline.cancel();
    socket.off('data', onData).off('end', onEnd).off('close', stop);
  };
  const refuse = (fault: FrontFault, why: string): void => {
    stop();
    options.log.debug({ why, from: socket.remoteAddress }, 'a connection was not understood');
    then.onRefused(fault);
  };
  // Left by itself, as checks of the port do: nobody was turned away.
  const onEnd = (): void => {
    stop();
    socket.destroy();
  };
  const onData = (bytes: Uint8Array): void => {
    const answer = reader.push(bytes);
    if ('need' in answer) return;
    if ('fault' in answer) return refuse('hello', answer.fault);
    const route = routeOf(answer, options.apiHosts());
    if (route === undefined) return refuse('no_such_name', 'offers no name of ours');
    stop();
    socket.pause();
    then.onRoute(route, reader.received);
  };
  socket.on('data', onData).on('end', onEnd).on('close', stop);
}

function listening(server: Server, listen: FrontDoorOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, listen)));
    server.listen({ host: listen.host, port: listen.port, backlog: 1_024 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenFault(error: NodeJS.ErrnoException, listen: FrontDoorOptions['listen']): SallyportError {
  const at = `"${listen.host}:${listen.port}"`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new SallyportError('conflict', `the port ${at} is taken by another program`, {
        next: `stop that program (see "ss -ltnp"), or choose another port with --listen`,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new SallyportError('forbidden', `listening on ${at} is not permitted to this user`, {
        next: 'choose a port from 1024 on with --listen, or grant CAP_NET_BIND_SERVICE',
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new SallyportError('invalid', `this machine has no address ${at}`, {
        next: 'choose one that it has with --listen, or 0.0.0.0 for all',
        cause: error,
      });
    default:
      return new SallyportError('internal', `cannot listen on ${at}: ${error.code ?? error.message}`, {
        next: 'see the log of the gate',
        cause: error,
      });
  }
}
