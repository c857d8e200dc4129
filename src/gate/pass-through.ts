// Connections that the authority ends itself: the gate sees TLS records and no more. One PROXY protocol
// line (v1) tells the authority who comes; it is written on a unix socket that nobody else can reach, so
// it can be believed there. Half-close and backpressure are the pump's.
//
// The gate cannot see when a client certificate was accepted, only who speaks when. A TLS 1.3 server
// speaks once after the hello, the client then shows its certificate and finishes, and whatever the
// server says next it says to a peer whose handshake it accepted (or it closes). So a connection is
// taken for authenticated at the server's second turn, and must reach it before the handshake deadline.
// On the route that asks no certificate nobody ever is: those count as strangers until they close.
// Nobody half-closes before he has finished: who ends then has left, and is not waited for.

import { connect, type Socket } from 'node:net';
import { pump } from '../link/pump.ts';
import { socketStream } from '../link/socket-stream.ts';
import type { Clock } from '../platform/clock.ts';
import { plainAddress } from './admission.ts';

export interface PassThrough {
  readonly socket: Socket;
  readonly hello: Uint8Array;
  /** The authority's unix socket. */
  readonly path: string;
  readonly clock: Clock;
  readonly tlsHandshakeTimeoutMs: number;
  /** The server's second turn. */
  onHandshakeDone(): void;
}

/** Resolves when both directions are over. */
export async function passThrough(options: PassThrough): Promise<void> {
  const { socket, hello, clock } = options;
  const line = proxyLine(socket);
  if (line === undefined) return void socket.destroy();
  const authority = connect({ path: options.path, allowHalfOpen: true });
  const [outside, inside] = [socketStream(socket), socketStream(authority)];
  const deadline = clock.setTimer(options.tlsHandshakeTimeoutMs, () =>
    outside.abort(new Error('the TLS handshake took too long')),
  );
  let hasClientGoneOn = false;
  let hasServerSpoken = false;
  let isDone = false;
  socket.once('end', () => {
    if (!hasClientGoneOn) outside.abort(new Error('the peer left in the middle of the TLS handshake'));
  });
  inside.write(Buffer.from(line, 'latin1'));
  inside.write(hello);
  await pump(outside, inside, {
    onBytes(direction) {
      if (isDone) return;
      if (direction === 'aToB') hasClientGoneOn = hasServerSpoken;
      else if (!hasClientGoneOn) hasServerSpoken = true;
      else {
        isDone = true;
        deadline.cancel();
        options.onHandshakeDone();
      }
    },
  });
  deadline.cancel();
}

/** Undefined when the peer is gone already. */
export function proxyLine(
  socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>,
): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  const [source, destination] = [plainAddress(remoteAddress), plainAddress(localAddress)];
  // A zone ("fe80::1%eth0") means something on this machine only, and is no part of the format.
  const family = source.includes(':') ? 'TCP6' : 'TCP4';
  const addresses = `${source.split('%')[0]} ${destination.split('%')[0]}`;
  return `PROXY ${family} ${addresses} ${remotePort} ${localPort}\r\n`;
}
