// The door for whoever sits at the broker's machine as its own user: a unix socket, mode 0600, one line of
// JSON each way. It exists for the day when no administrator can sign in any more, for the first one of a broker
// that runs as a service, which has nobody to print an invite to, and for what is done to the broker itself.

import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { SallyportError, toProblem } from '../core/errors.ts';
import { parseJsonObject, type JsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { AuthorityContext } from './context.ts';

export interface LocalDoor {
  close(): Promise<void>;
}

/** By what a request says in `do`: its answer, to be JSON. */
export type LocalOrders = Readonly<Record<string, (request: JsonObject) => Promise<object>>>;

/** Request: {"do":"invite","name":"ana"}. Answer: {"invite":"sp2.h.…"} or a problem object. */
export async function openLocalDoor(
  ctx: AuthorityContext,
  socketPath: string,
  orders: LocalOrders,
): Promise<LocalDoor> {
  await rm(socketPath, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.controlRequestTimeoutMs, () => socket.destroy());
    readLine(socket, (line) => {
      answer(orders, line)
        .catch((error: unknown) => {
          const problem = toProblem(error);
          if (problem.code === 'internal')
            ctx.log.error({ err: error }, 'a request at the local door failed');
          return problem;
        })
        .then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
        .catch(() => socket.destroy());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve());
  });
  await chmod(socketPath, 0o600);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function readLine(socket: Socket, take: (line: string) => void): void {
  let text = '';
  const read = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= limits.localRequestMaxBytes) return;
    socket.off('data', read);
    if (end < 0) socket.destroy();
    else take(text.slice(0, end));
  };
  socket.on('data', read);
}

async function answer(orders: LocalOrders, line: string): Promise<object> {
  const request = parseJsonObject(line);
  const name = request?.['do'];
  const order = typeof name === 'string' && Object.hasOwn(orders, name) ? orders[name] : undefined;
  if (request === undefined || order === undefined)
    throw new SallyportError('invalid', 'this is not a request that the local door knows');
  return await order(request as JsonObject);
}
