// A socket and a stream joined both ways. An end of one direction is passed on and leaves the other open;
// a failure of either is the end of both.

import { constants, type Http2Stream } from 'node:http2';
import type { Socket } from 'node:net';

export function join(socket: Socket, stream: Http2Stream): void {
  socket.on('error', () => stream.close(constants.NGHTTP2_CONNECT_ERROR));
  stream.on('error', () => socket.destroy());
  stream.on('close', () => {
    // Closed by both ends in turn it has given all that it had, and the socket may still be writing that.
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) socket.destroy();
  });
  socket.pipe(stream);
  stream.pipe(socket);
}
