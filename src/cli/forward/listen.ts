// Where a forward listens on this machine: parsed, opened, and put in words when it cannot be.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { formatHostPort, parseHostPort } from '../../core/broker-config.ts';
import { isLocalhost, isLoopback, parseIp } from '../../core/destination.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';

export interface ListenPlace {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const defaultHost = '127.0.0.1';

/** "15432", "0", "127.0.0.1:15432", "[::1]:0". Other machines are let in only by an address written out. */
export function readListen(typed: string | undefined): ListenPlace {
  if (typed === undefined) return { host: defaultHost, port: 0 };
  const place = /^[0-9]{1,5}$/.test(typed) ? parseHostPort(`${defaultHost}:${typed}`) : parseHostPort(typed);
  if (place !== undefined && !typed.startsWith(':')) return place;
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not a place to listen at`, {
    next: 'write --listen PORT, or --listen HOST:PORT; port 0 is any free one',
  });
}

/** Whether only programs on this machine can connect. */
export function isLocalOnly({ host }: ListenPlace): boolean {
  const address = parseIp(host);
  return address === undefined ? isLocalhost(host) : isLoopback(address);
}

/** A place that listens. What is accepted is not read, and waits until somebody takes it. */
export interface Door {
  /** "127.0.0.1:15432", as it really is. */
  readonly at: string;
  handTo(take: (socket: Socket) => void): void;
  /** Takes no more; what nobody took is closed. */
  close(): void;
}

export async function openDoor(place: ListenPlace): Promise<Door> {
  // Paused: what a client says first stays with the kernel. Half-open: each direction ends by itself.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  // Node's limit counts what is accepted, and drops what comes beyond it at once, without a word and
  // without a byte read: a program that opens thousands sees refusals instead of this one's memory grow.
  // Below it, and above what may be live, connections are accepted and wait (forwarding.ts).
  server.maxConnections = limits.forwardConnectionsMax + limits.forwardWaitingMax;
  const early: Socket[] = [];
  let handOver = (socket: Socket): void => void early.push(socket);
  server.on('connection', (socket) => handOver(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(inWords(error, place)));
    server.listen({ host: place.host, port: place.port }, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    at: formatHostPort({ host: address, port }),
    handTo(take) {
      handOver = take;
      for (const socket of early.splice(0)) take(socket);
    },
    close() {
      server.close();
      for (const socket of early.splice(0)) socket.destroy();
    },
  };
}

const words: Readonly<Record<string, readonly [string, string]>> = {
  EADDRINUSE: ['is in use on this machine', 'choose another port, or 0 for any free one'],
  EACCES: ['may not be listened at by this account', 'choose a port from 1024'],
  EADDRNOTAVAIL: ['is not an address of this machine', 'leave the address away: --listen PORT'],
};

function inWords(error: NodeJS.ErrnoException, place: ListenPlace): SallyportError {
  const [what, next] = words[error.code ?? ''] ?? [
    `cannot be listened at (${error.code ?? error.message})`,
    'choose another place: --listen PORT',
  ];
  return new SallyportError('local_file', `"${formatHostPort(place)}" ${what}`, { next, cause: error });
}
