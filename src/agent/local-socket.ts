// The agent's unix socket, agent.sock (0600) in its state directory: one agent per directory, and its
// status for the local owner. It answers every connection with one line of JSON and reads nothing, so
// nobody can ask anything of the agent by it. It is the agent's only listener.

import { randomBytes } from 'node:crypto';
import { chmod, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const socketPathMaxBytes = 103;

export interface LocalSocket {
  close(): Promise<void>;
}

export function socketPath(dir: string): string {
  return join(dir, 'agent.sock');
}

/** Takes the directory for this process. Throws with words where another agent has it. */
export async function claimSocket(dir: string, status: () => object): Promise<LocalSocket> {
  const path = socketPath(dir);
  if (Buffer.byteLength(path) > socketPathMaxBytes) {
    throw new SallyportError('invalid', `the path "${path}" is too long for a unix socket`, {
      next: 'choose a shorter state directory with --state',
    });
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A reader that leaves early is no fault of ours.
    socket.on('error', () => socket.destroy());
    socket.end(`${JSON.stringify(status())}\n`);
  });
  await claim(server, dir);
  return {
    close: () =>
      new Promise((resolve) => {
        // Closing removes the file as well.
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** What the agent of this directory says of itself; undefined when none runs. */
export async function askStatus(dir: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const answer = await ask(socketPath(dir));
  return answer === undefined ? undefined : parseJsonObject(answer);
}

async function claim(server: Server, dir: string): Promise<void> {
  const path = socketPath(dir);
  if (await listen(server, path)) return chmod(path, 0o600);
  // The name is taken: by a living agent, or by the socket of one that was killed. It is set aside before
  // it is asked, so that of two agents that start at once only one can take it for dead.
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await rename(path, aside).catch(ignoreMissing);
  if ((await ask(aside)) !== undefined) {
    await rename(aside, path);
    throw taken(dir);
  }
  await rm(aside, { force: true });
  if (!(await listen(server, path))) throw taken(dir);
  await chmod(path, 0o600);
}

function taken(dir: string): SallyportError {
  return new SallyportError('conflict', `an agent already runs on "${dir}"`, {
    next: 'see: sallyport agent status; a second device needs its own --state directory',
  });
}

/** False when the name is taken. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    server.once('error', onError);
    server.listen({ path }, () => {
      server.off('error', onError);
      resolve(true);
    });
  });
}

/** Undefined when nobody listens. An agent too busy to answer still counts as living. */
function ask(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    let answer = '';
    let isConnected = false;
    socket.setTimeout(limits.localAnswerTimeoutMs, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      isConnected = true;
    });
    socket.on('data', (chunk: string) => {
      if (answer.length < limits.eventBodyMaxBytes) answer += chunk;
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => resolve(isConnected ? answer : undefined));
  });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
