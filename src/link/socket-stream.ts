// A plain connection as a ByteStream: FIN is a clean end, anything else a cut. TCP has no trailers, so
// those of a clean end go no further.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ByteStream } from './byte-stream.ts';
import { DuplexStream } from './duplex-stream.ts';

export function socketStream(socket: Duplex): ByteStream {
  // Without it Node would answer the peer's FIN with ours, and half-close would be lost.
  socket.allowHalfOpen = true;
  if (socket instanceof Socket) socket.setNoDelay(true);
  return new DuplexStream(socket, {
    inboundTrailers: () => ({}),
    outboundLeft: () => socket.writableFinished && socket.errored === null,
    end: () => void socket.end(),
    abort: (error) => abortSocket(socket, error),
  });
}

/**
 * A plain destroy() sends FIN, which the peer cannot tell from a clean end: over TCP an abort is RST.
 * A unix socket has no such signal; there the reader sees an end.
 */
export function abortSocket(socket: Duplex, error: Error): void {
  if (socket instanceof Socket && isTcp(socket) && !isShuttingDown(socket)) socket.resetAndDestroy();
  else socket.destroy(error);
}

function isTcp(socket: Socket): boolean {
  return socket.remoteFamily === 'IPv4' || socket.remoteFamily === 'IPv6';
}

// Between the FIN's being asked for and its leaving libuv refuses a reset, and Node then loses the handle
// without closing it. All bytes are with the kernel by then, so what the FIN says is true.
function isShuttingDown(socket: Socket): boolean {
  return socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
}
