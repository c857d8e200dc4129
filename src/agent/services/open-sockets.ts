// The sockets that one session holds open on this device, from the first SYN to the last close: so that the
// session's end destroys them at once, whatever they wait for, and its receipt counts what is left.

import type { Socket } from 'node:net';
import { limits } from '../../core/limits.ts';
import { abortSocket } from '../../link/socket-stream.ts';

export class OpenSockets {
  readonly #sockets = new Set<Socket>();
  #hasEnded = false;

  /** How many are open now. */
  get size(): number {
    return this.#sockets.size;
  }

  /** False: the session has ended, and so has the socket. */
  add(socket: Socket): boolean {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#hasEnded) socket.destroy();
    return !this.#hasEnded;
  }

  /** The session has ended: a reset, not a FIN, so that no peer takes it for an end in full. */
  destroyAll(error: Error): void {
    this.#hasEnded = true;
    for (const socket of this.#sockets) abortSocket(socket, error);
  }

  /** After destroyAll: resolves with how many would not close, counted, not assumed. */
  async left(): Promise<number> {
    const closed = [...this.#sockets].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, limits.teardownDeadlineMs);
    });
    await Promise.race([Promise.all(closed), late]);
    clearTimeout(timer);
    return this.#sockets.size;
  }
}
