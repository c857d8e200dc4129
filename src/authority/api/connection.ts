// What the api knows of the connection that a request came on: set once, before the first request, by
// whoever ended the TLS. A request on a connection that nobody vouched for has no certificate.

import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface Connection {
  /** Verified up to our root by TLS; absent on connections that were never asked for one. */
  readonly certificate: X509Certificate | undefined;
  /** From the PROXY line that the gate wrote. */
  readonly sourceIp: string;
  /** It came for the console's host: cookies may count, and only there. */
  readonly isBrowsers?: boolean;
  /** This answer takes long on purpose: the connection has the time for it, and the client is told at once. */
  readonly allowTime?: (response: ServerResponse) => void;
}

export class Connections {
  readonly #known = new WeakMap<Socket, Connection>();

  vouch(socket: Socket, connection: Connection): void {
    this.#known.set(socket, connection);
  }

  of(request: IncomingMessage): Connection {
    return (
      this.#known.get(request.socket) ?? {
        certificate: undefined,
        sourceIp: request.socket.remoteAddress ?? 'unknown',
      }
    );
  }
}
