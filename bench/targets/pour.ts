// Writes a number of bytes as fast as they are taken, then ends that direction.

import type { Socket } from 'node:net';

const block = Buffer.alloc(256 * 1024, 'sallyport ');

export function pour(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const size = Math.min(left, block.length);
      left -= size;
      if (socket.write(size === block.length ? block : block.subarray(0, size))) continue;
      socket.once('drain', more);
      return;
    }
    socket.end();
  };
  more();
}
