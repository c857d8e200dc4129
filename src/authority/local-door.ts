// The door for whoever sits at the broker's machine as its own user: a unix socket, mode 0600, one line of
// JSON each way. It exists for the day when no administrator can sign in any more, and for the first one
// of a broker that runs as a service, which has nobody to print an invite to.

import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { SallyportError, toProblem } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { AuthorityContext } from './context.ts';
import { createLocalInvite } from './enroll/first-invite.ts';

export interface LocalDoor {
  close(): Promise<void>;
}

/** Request: {"do":"invite","name":"ana"}. Answer: {"invite":"sp1.h.…"} or a problem object. */
export async function openLocalDoor(ctx: AuthorityContext, socketPath: string): Promise<LocalDoor> {
  await rm(socketPath, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.controlRequestTimeoutMs, () => socket.destroy());
    readLine(socket, (line) => {
      answer(ctx, line)
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

async function answer(ctx: AuthorityContext, line: string): Promise<object> {
  const request = parseJsonObject(line);
  const name = request?.['name'];
  if (request?.['do'] !== 'invite' || typeof name !== 'string')
    throw new SallyportError('invalid', 'this is not a request that the local door knows');
  return { invite: await createLocalInvite(ctx, { name }) };
}
