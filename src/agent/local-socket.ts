// The agent's unix socket, agent.sock (0600) in its state directory: one agent per directory, and the
// orders of the local owner (owner/orders.ts). A connection is one line of JSON each way, bounded in bytes
// and time; after a sealed request that opens this device it goes on as the terminal's channel. Nothing else
// by it can open anything that a pass did not. It is the agent's only listener.

import { randomBytes } from 'node:crypto';
import { chmod, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { fromProblem, SallyportError, toProblem } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { ByteStream } from '../link/byte-stream.ts';
import { socketStream } from '../link/socket-stream.ts';
import { parseOrder, type Order } from './owner/orders.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const socketPathMaxBytes = 103;

export interface LocalSocket {
  close(): Promise<void>;
}

/** An answer that the connection does not end with: what follows on it is a channel. */
export class Conversation {
  readonly answer: object;
  readonly take: (stream: ByteStream) => void;

  constructor(answer: object, take: (stream: ByteStream) => void) {
    this.answer = answer;
    this.take = take;
  }
}

export type Obey = (order: Order) => object | Promise<object>;

export function socketPath(dir: string): string {
  return join(dir, 'agent.sock');
}

/** Takes the directory for this process. Throws with words where another agent has it. */
export async function claimSocket(dir: string, obey: Obey): Promise<LocalSocket> {
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
    serve(socket, obey);
  });
  server.maxConnections = limits.localConnectionsMax;
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

/** The answer of this directory's agent; undefined when none runs. Throws what it refused with. */
export async function orderAgent(
  dir: string,
  order: Order,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await ask(socketPath(dir), order);
  return text === undefined ? undefined : readAnswer(text);
}

export interface Conversed {
  readonly answer: Readonly<Record<string, unknown>>;
  readonly stream: ByteStream;
}

/** The same for an order whose connection goes on. */
export async function converseWithAgent(dir: string, order: Order): Promise<Conversed | undefined> {
  const socket = connect({ path: socketPath(dir) });
  const text = await lineFrom(socket, order);
  if (text === undefined) return undefined;
  try {
    return { answer: readAnswer(text), stream: socketStream(socket) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Throws what the agent refused with. */
function readAnswer(text: string): Readonly<Record<string, unknown>> {
  const answer = parseJsonObject(text);
  const refused = fromProblem(answer);
  if (refused !== undefined) throw refused;
  if (answer !== undefined) return answer;
  throw new SallyportError('unavailable', 'the agent on this machine did not answer', { next: 'try again' });
}

/** One line in, one line out. */
function serve(socket: Socket, obey: Obey): void {
  const request = new StringDecoder('utf8');
  let line = '';
  const answer = (said: object): void => {
    if (!(said instanceof Conversation)) return void socket.end(`${JSON.stringify(said)}\n`);
    socket.write(`${JSON.stringify(said.answer)}\n`);
    said.take(socketStream(socket));
  };
  const onData = (chunk: Buffer): void => {
    line += request.write(chunk);
    const end = line.indexOf('\n');
    if (end < 0 && line.length <= limits.localRequestMaxBytes) return;
    // What comes after the line waits, for whoever takes the connection over.
    socket.off('data', onData);
    socket.pause();
    socket.setTimeout(0);
    const isOrder = end === line.length - 1 && end <= limits.localRequestMaxBytes;
    if (isOrder) void answerTo(line.slice(0, end), obey).then(answer);
    else answer(toProblem(notAnOrder()));
  };
  socket.setTimeout(limits.localAnswerTimeoutMs, () => socket.destroy());
  // A reader that leaves early is no fault of ours.
  socket.on('error', () => socket.destroy());
  socket.on('data', onData);
}

async function answerTo(line: string, obey: Obey): Promise<object> {
  const order = parseOrder(line);
  if (order === undefined) return toProblem(notAnOrder());
  try {
    return await obey(order);
  } catch (error) {
    return toProblem(error);
  }
}

function notAnOrder(): SallyportError {
  return new SallyportError('invalid', 'the agent does not know that order', {
    next: 'use the same version of sallyport as the agent that runs',
  });
}

async function claim(server: Server, dir: string): Promise<void> {
  const path = socketPath(dir);
  if (await listen(server, path)) return chmod(path, 0o600);
  // The name is taken: by a living agent, or by the socket of one that was killed. It is set aside before
  // it is asked, so that of two agents that start at once only one can take it for dead.
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await rename(path, aside).catch(ignoreMissing);
  if ((await ask(aside, { do: 'status' })) !== undefined) {
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
async function ask(path: string, order: Order): Promise<string | undefined> {
  const socket = connect({ path });
  socket.setTimeout(limits.localAnswerTimeoutMs, () => socket.destroy());
  const line = await lineFrom(socket, order);
  socket.destroy();
  return line;
}

/** The line that answers the order, or what there is of it; undefined when nobody listens. */
function lineFrom(socket: Socket, order: Order): Promise<string | undefined> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    let isConnected = false;
    const give = (): void => {
      socket.off('data', onData).off('close', give);
      resolve(isConnected ? Buffer.concat(parts).toString('utf8') : undefined);
    };
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf('\n');
      parts.push(end < 0 ? chunk : chunk.subarray(0, end));
      length += chunk.length;
      if (end < 0 && length <= limits.localAnswerMaxBytes) return;
      socket.pause();
      // What follows is for whoever goes on with the connection.
      if (end >= 0 && end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1));
      give();
    };
    socket.once('connect', () => {
      isConnected = true;
      socket.write(`${JSON.stringify(order)}\n`);
    });
    socket.on('error', () => socket.destroy());
    socket.on('data', onData);
    socket.once('close', give);
  });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
