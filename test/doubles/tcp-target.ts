// What stands behind a forward in tests: a server on this machine's loopback whose connections a test plays,
// and the operator's end of a tcp channel, which collects what comes back.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { TcpParams } from '../../src/core/channel.ts';
import type { ByteStream, InboundEnd, StreamEnd } from '../../src/link/byte-stream.ts';
import { readProblem, type Answer } from '../../src/link/client-session.ts';

export interface Target {
  readonly port: number;
  readonly params: TcpParams;
  /** Connections so far, and those that are open. */
  readonly accepted: number;
  readonly open: ReadonlySet<Socket>;
  /** The next one, in order. */
  next(): Promise<Socket>;
}

/** Closed when the test ends. Connections may be half-closed; one that fails is destroyed. */
export async function startTarget(
  t: TestContext,
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<Target> {
  const open = new Set<Socket>();
  const arrived: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted += 1;
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    onConnection(socket);
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(socket);
    else waiter(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    params: { kind: 'tcp', host: '127.0.0.1', port },
    get accepted() {
      return accepted;
    },
    open,
    next() {
      const socket = arrived.shift();
      return socket === undefined
        ? new Promise((resolve) => void waiting.push(resolve))
        : Promise.resolve(socket);
    },
  };
}

/** Says the whole of what it heard, once the other side has ended, and ends. */
export function answerWhole(socket: Socket): void {
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  socket.on('end', () => socket.end(`whole:${Buffer.concat(heard).toString()}`));
}

export interface Talk {
  readonly stream: ByteStream;
  readonly peer: string;
  readonly ended: Promise<{ readonly text: string; readonly how: InboundEnd['how'] }>;
  readonly closed: Promise<StreamEnd>;
  /** Resolves when so many bytes have come. */
  until(count: number): Promise<void>;
}

/** Throws the problem of an answer that refuses. */
export async function talk(answer: Answer): Promise<Talk> {
  if (answer.status !== 200) throw await readProblem(answer);
  const { stream } = answer;
  const heard: Uint8Array[] = [];
  let count = 0;
  let wake: () => void = () => undefined;
  const end = Promise.withResolvers<{ text: string; how: InboundEnd['how'] }>();
  const close = Promise.withResolvers<StreamEnd>();
  stream.listen({
    onData(chunk) {
      heard.push(chunk);
      count += chunk.length;
      wake();
    },
    onEnd: ({ how }) => end.resolve({ text: Buffer.concat(heard).toString('latin1'), how }),
    onClose: close.resolve,
  });
  return {
    stream,
    peer: String(answer.headers['sallyport-peer']),
    ended: end.promise,
    closed: close.promise,
    until: (wanted) =>
      new Promise((resolve) => {
        wake = () => {
          if (count >= wanted) resolve();
        };
        wake();
      }),
  };
}
