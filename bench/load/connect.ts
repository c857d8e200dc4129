// Load generator: new connections, each with one byte there and back, then closed; so many in flight at
// once, each finished one replaced. The time runs from the start of connecting to the byte's return.

import { once } from 'node:events';
import { connect } from 'node:net';
import { answerRequests } from './answer.ts';

export interface ConnectRequest {
  readonly port: number;
  readonly atOnce: number;
  readonly count: number;
}

export interface ConnectResult {
  readonly echoMs: readonly number[];
  /** The same to the end of the connection, both directions closed. */
  readonly closedMs: readonly number[];
}

const sampleMaxMs = 20_000;

async function run({ port, atOnce, count }: ConnectRequest): Promise<ConnectResult> {
  const echoMs: number[] = [];
  const closedMs: number[] = [];
  let left = count;
  const next = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const took = await sample(port);
      echoMs.push(took.echo);
      closedMs.push(took.closed);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return { echoMs, closedMs };
}

async function sample(port: number): Promise<{ readonly echo: number; readonly closed: number }> {
  const startedAt = performance.now();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const timer = setTimeout(() => socket.destroy(new Error('no echo in time')), sampleMaxMs);
  try {
    const closed = once(socket, 'close');
    socket.write('x');
    // `closed` fails with the socket's error too; one of the two is enough.
    closed.catch(() => undefined);
    const [byte] = (await Promise.race([once(socket, 'data'), refused(closed)])) as [Buffer];
    const echo = performance.now() - startedAt;
    if (byte.toString() !== 'x') throw new Error('something else than the byte came back');
    socket.end();
    await closed;
    return { echo, closed: performance.now() - startedAt };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function refused(closed: Promise<unknown>): Promise<never> {
  await closed;
  throw new Error('the connection was closed before the byte came back');
}

await answerRequests((request) => run(request as ConnectRequest));
