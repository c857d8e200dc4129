// Load generator: N connections through one local port move bytes at once. The clock starts when each of
// them has been greeted by targets/stream.ts, and stops when the last byte has come, or is known to.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pour } from '../targets/pour.ts';
import { answerRequests } from './answer.ts';

export interface BulkRequest {
  readonly port: number;
  readonly way: 'up' | 'down';
  readonly connections: number;
  /** Over all connections. */
  readonly bytes: number;
  /** Breaks off then, whatever has come: for a load that only has to last. */
  readonly forMs?: number;
}

export interface BulkResult {
  readonly bytes: number;
  readonly ms: number;
}

interface Connection {
  readonly socket: Socket;
  readonly greeted: Promise<void>;
  readonly ended: Promise<void>;
  /** Received after the greeting. */
  readonly received: () => number;
}

// Shared by all: nobody looks at what comes.
const buffer = Buffer.allocUnsafe(256 * 1024);

function open(port: number): Connection {
  let received = -1;
  const greeted = Promise.withResolvers<void>();
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    allowHalfOpen: true,
    onread: {
      buffer,
      callback: (size) => {
        received += size;
        greeted.resolve();
        return true;
      },
    },
  });
  const ended = once(socket, 'end').then(() => undefined);
  ended.catch(greeted.reject);
  return { socket, greeted: greeted.promise, ended, received: () => received };
}

async function run({ port, way, connections, bytes, forMs }: BulkRequest): Promise<BulkResult> {
  const all = Array.from({ length: connections }, () => open(port));
  const each = Math.ceil(bytes / connections);
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.all(all.map(({ greeted }) => greeted));
    const startedAt = performance.now();
    for (const { socket } of all) {
      socket.write(`${way} ${each}\n`);
      if (way === 'up') pour(socket, each);
    }
    const done = Promise.all(all.map((one) => finish(one, way === 'up' ? 1 : each)));
    const broken = new Promise<void>((resolve) => {
      if (forMs !== undefined) timer = setTimeout(resolve, forMs);
    });
    // What is cut below has no end to wait for.
    if (forMs !== undefined) done.catch(() => undefined);
    await Promise.race([done, broken]);
    const ms = performance.now() - startedAt;
    const moved = way === 'up' ? bytes : all.reduce((sum, one) => sum + one.received(), 0);
    return { bytes: moved, ms };
  } finally {
    clearTimeout(timer);
    for (const { socket } of all) socket.destroy();
  }
}

async function finish({ socket, ended, received }: Connection, expected: number): Promise<void> {
  await ended;
  if (received() !== expected) throw new Error(`${received()} of ${expected} bytes came`);
  if (!socket.writableEnded) socket.end();
}

await answerRequests((request) => run(request as BulkRequest));
