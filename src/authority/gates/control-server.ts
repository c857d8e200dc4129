// The gate's door into the authority (docs/protocol.md, "Control"): HTTP/2 on a unix socket that only the
// broker's own user can reach. Requests are JSON in, JSON out; orders are one long response, a line each.

import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { chmod, rm } from 'node:fs/promises';
import { SallyportError, toProblem } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Order } from '../../wire/control.ts';
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

/** Listens on `socketPath`, mode 0600. A socket file left by a killed process is replaced. */
export async function serveControl(ctx: AuthorityContext, socketPath: string): Promise<ControlServer> {
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
    route({ ctx, handlers, stream, headers }).catch((error: unknown) => answerError(ctx, stream, error));
  });
  await listen(server, socketPath);
  await chmod(socketPath, 0o600);
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

interface ControlRequest {
  readonly ctx: AuthorityContext;
  readonly handlers: ControlHandlers;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

async function route({ ctx, handlers, stream, headers }: ControlRequest): Promise<void> {
  const path = headers[':path'] ?? '';
  const gate = String(headers['sallyport-gate'] ?? '');
  if (!/^[a-z0-9-]{1,63}$/.test(gate)) throw new SallyportError('invalid', 'the gate does not name itself');
  if (path === '/gate/orders') return sendOrders(ctx, stream, gate);
  const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined;
  if (handler === undefined) throw new SallyportError('not_found', 'there is no such control route');
  const body = await readBody(stream);
  const answer = await handler(gate, body as never);
  if (stream.destroyed) return;
  stream.respond({ ':status': answer === undefined ? 204 : 200, 'content-type': 'application/json' });
  stream.end(answer === undefined ? undefined : JSON.stringify(answer));
}

function sendOrders(ctx: AuthorityContext, stream: ServerHttp2Stream, gate: string): void {
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  const sink: OrderSink = (order: Order) => {
    if (stream.destroyed || stream.writableLength > limits.ordersQueueMaxBytes) {
      return void stream.destroy();
    }
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

async function readBody(stream: ServerHttp2Stream): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limits.apiBodyMaxBytes)
      throw new SallyportError('too_large', 'the control request is too large');
    chunks.push(chunk);
  }
  const body = parseJsonObject(Buffer.concat(chunks).toString('utf8'));
  if (body === undefined) throw new SallyportError('invalid', 'the control request is not a JSON object');
  return body;
}

function answerError(ctx: AuthorityContext, stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed || stream.headersSent) return;
  const problem = toProblem(translate(error));
  if (problem.code === 'internal') ctx.log.error({ err: error }, 'a control request failed');
  stream.respond({ ':status': problem.status, 'content-type': 'application/problem+json' });
  stream.end(JSON.stringify(problem));
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
