// The gate's door into the authority (docs/protocol.md, "Control"): HTTP/2 on a unix socket that only the
// broker's own user can reach, or, where the gate is another user, that one too. Two long streams, a line of
// JSON each: asks and their answers, and orders.

import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { chmod, rm } from 'node:fs/promises';
import { SallyportError, toProblem } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Answer, Ask, Order } from '../../wire/control.ts';
import { object, text, whole } from '../../wire/fields.ts';
import { LineReader } from '../../wire/lines.ts';
import { Refusals } from '../api/refusals.ts';
import type { AuthorityContext } from '../context.ts';
import { StoreConflict, StoreUnavailable } from '../store/store.ts';
import { catchUp } from './catch-up.ts';
import { controlHandlers, type ControlHandlers } from './control-routes.ts';
import type { OrderSink } from './gate-book.ts';
import { gateLeft } from './gate-left.ts';

export interface ControlServer {
  close(): Promise<void>;
}

/** Listens on `socketPath`. A socket file left by a killed process is replaced. */
export async function serveControl(
  ctx: AuthorityContext,
  socketPath: string,
  options: { readonly mode?: number } = {},
): Promise<ControlServer> {
  await rm(socketPath, { force: true });
  const server = createServer({ settings: { maxConcurrentStreams: limits.channelsPerLinkMax } });
  const refusals = new Refusals(ctx);
  const handlers = controlHandlers(ctx, refusals);
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', (error) => ctx.log.warn({ err: error }, 'control connection failed'));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy());
    const gate = String(headers['sallyport-gate'] ?? '');
    const path = headers[':path'];
    if (!/^[a-z0-9-]{1,63}$/.test(gate)) refuse(stream, 'the gate does not name itself');
    else if (path === '/gate/orders') sendOrders(ctx, stream, gate);
    else if (path === '/gate/asks') answerAsks({ ctx, handlers, stream, gate });
    else refuse(stream, 'there is no such control route');
  });
  await listen(server, socketPath);
  await chmod(socketPath, options.mode ?? 0o600);
  return {
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      await refusals.close();
    },
  };
}

interface Asked {
  readonly ctx: AuthorityContext;
  readonly handlers: ControlHandlers;
  readonly stream: ServerHttp2Stream;
  readonly gate: string;
}

function refuse(stream: ServerHttp2Stream, message: string): void {
  const problem = toProblem(new SallyportError('invalid', message));
  stream.respond({ ':status': problem.status, 'content-type': 'application/problem+json' });
  stream.end(JSON.stringify(problem));
}

function answerAsks(asked: Asked): void {
  const { ctx, stream, gate } = asked;
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  const reader = new LineReader(limits.apiBodyMaxBytes);
  let underWay = 0;
  stream.on('data', (chunk: Uint8Array) => {
    const asks = reader.push(chunk)?.flatMap((line) => readAsk(line) ?? 'fault') ?? ['fault'];
    const isTooMuch = underWay + asks.length > limits.channelsPerLinkMax || !hasRoom(stream);
    if (asks.includes('fault') || isTooMuch) {
      ctx.log.error({ gate, underWay }, 'a gate asks what cannot be read, or too much, and is given up');
      // Its connection as a whole: a stream alone could stay half alive over there.
      return stream.session?.destroy();
    }
    for (const ask of asks) {
      if (ask === 'fault') continue;
      underWay += 1;
      void answerOne(asked, ask).finally(() => {
        underWay -= 1;
      });
    }
  });
}

/** Of a gate that does not read. */
function hasRoom(stream: ServerHttp2Stream): boolean {
  return stream.writableLength <= limits.ordersQueueMaxBytes;
}

function readAsk(line: string): Ask | undefined {
  const fields = parseJsonObject(line) ?? {};
  const [id, path, body] = [whole(fields, 'id'), text(fields, 'path'), object(fields, 'body')];
  return id === undefined || path === undefined || body === undefined ? undefined : { id, path, body };
}

async function answerOne({ ctx, handlers, stream, gate }: Asked, { id, path, body }: Ask): Promise<void> {
  let answer: Answer;
  try {
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined;
    if (handler === undefined) throw new SallyportError('not_found', 'there is no such control route');
    answer = { id, body: { ...(await handler(gate, body as never)) } };
  } catch (error) {
    const problem = toProblem(translate(error));
    if (problem.code === 'internal') ctx.log.error({ err: error }, 'a control request failed');
    answer = { id, problem: { ...problem } };
  }
  if (!stream.destroyed) stream.write(`${JSON.stringify(answer)}\n`);
}

function sendOrders(ctx: AuthorityContext, stream: ServerHttp2Stream, gate: string): void {
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  const sink: OrderSink = (order: Order) => {
    if (stream.destroyed || !hasRoom(stream)) return void stream.destroy();
    stream.write(`${JSON.stringify(order)}\n`);
  };
  const beat = (): void => {
    sink({ type: 'heartbeat', time: ctx.clock.now(), lockVersion: ctx.locks.version });
    timer = ctx.clock.setTimer(limits.heartbeatIntervalMs, beat);
  };
  let timer = ctx.clock.setTimer(0, beat);
  ctx.gates.connect(gate, sink);
  catchUp(ctx, gate);
  stream.resume();
  stream.on('close', () => {
    timer.cancel();
    if (ctx.gates.disconnect(gate, sink)) gateLeft(ctx, gate);
  });
}

function translate(error: unknown): unknown {
  if (error instanceof StoreUnavailable) {
    return new SallyportError('store_unavailable', 'the audit log cannot be written, so nothing opens', {
      next: 'free disk space on the broker',
      cause: error,
    });
  }
  return error instanceof StoreConflict
    ? new SallyportError('conflict', error.message, { cause: error })
    : error;
}

async function listen(server: Http2Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
