// The side of a session that answers: the agent on its own outbound connection, the gate towards
// operators. Each request is handed to the handler with everything it may do with it; an error that the
// handler throws becomes a problem. Counts the peer's resets and waits only so long for its first word: a
// request, or where the peer may have nothing to ask for yet, the SETTINGS that every session begins with.

import {
  performServerHandshake,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { ComeBack } from '../core/backoff.ts';
import { toProblem, type Problem } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../platform/clock.ts';
import { readBody } from './body.ts';
import type { ByteStream } from './byte-stream.ts';
import { http2Stream } from './http2-stream.ts';
import type { RateBudget } from './rate-budget.ts';
import { servedSessionOptions } from './session-options.ts';
import { waitField, type WaitReason } from './wait-reason.ts';
import {
  requireReady,
  SessionLife,
  type CountedSocket,
  type SessionEnd,
  type SessionLifeOptions,
} from './session-life.ts';

export interface IncomingRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Aborted when the stream is gone, so that work for it can stop. */
  readonly signal: AbortSignal;
  /** Says, before the answer, that it will take longer because somebody is asked. At most once. */
  inform(wait: WaitReason): void;
  /** Answers 200 and gives the conversation. */
  accept(headers?: Readonly<Record<string, string>>): ByteStream;
  /** A whole answer; an empty body is 204. */
  reply(body: string | Uint8Array, contentType?: string): void;
  refuse(problem: Problem): void;
  /** The whole body of a small request. */
  readBody(maxBytes?: number): Promise<Buffer>;
}

/** May throw a SallyportError to refuse, as long as it has not answered. */
export type Handler = (request: IncomingRequest) => void | Promise<void>;

export interface ServeOptions extends SessionLifeOptions {
  readonly handler: Handler;
  /** Resets that the peer may cause; shared by all connections of one identity. */
  readonly resets: RateBudget;
  readonly firstRequestTimeoutMs?: number;
  /** The peer may wait with its first request: a forward does, until somebody connects to it. */
  readonly mayWait?: boolean;
  /** What it may hold before it refuses streams; limits.sessionMemoryMib if absent. */
  readonly memoryMib?: number;
}

export interface ServedSession {
  close(comeBack?: ComeBack): Promise<SessionEnd>;
  abort(error?: Error): void;
  readonly closed: Promise<SessionEnd>;
  readonly isOpen: boolean;
  readonly openStreams: number;
}

export function serveSession(socket: CountedSocket, options: ServeOptions): ServedSession {
  requireReady(socket);
  const { memoryMib = limits.sessionMemoryMib } = options;
  const session = performServerHandshake(socket, { ...servedSessionOptions, maxSessionMemory: memoryMib });
  const life = new SessionLife(session, socket, options);

  const silentMs = options.firstRequestTimeoutMs ?? limits.firstRequestTimeoutMs;
  const firstRequest = life.clock.setTimer(silentMs, () =>
    life.end('silent', new Error(`no first word within ${silentMs} ms`)),
  );
  void life.closed.then(() => firstRequest.cancel());
  if (options.mayWait === true) session.once('remoteSettings', () => firstRequest.cancel());

  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    firstRequest.cancel();
    const bytes = http2Stream(stream, {
      isOutboundEnded: () => exchange.isOutboundEnded,
      onWrite: life.wrote,
      onRead: life.received,
    });
    const exchange = new Exchange({ stream, headers, bytes, clock: life.clock });
    life.track(stream, bytes);
    stream.once('close', () => {
      if (exchange.wasResetByPeer && !options.resets.spend()) {
        life.end('flood', new Error('too many stream resets'));
      }
    });
    void handle(options.handler, exchange);
  });

  return {
    close(comeBack) {
      life.close(comeBack);
      return life.closed;
    },
    abort: (error) => life.end('aborted', error),
    closed: life.closed,
    get isOpen() {
      return life.isOpen;
    },
    get openStreams() {
      return life.openStreams;
    },
  };
}

async function handle(handler: Handler, exchange: Exchange): Promise<void> {
  try {
    await handler(exchange);
  } catch (error) {
    exchange.fail(error);
  }
}

interface ExchangeParts {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: ByteStream;
  readonly clock: Clock;
}

/** One for all: every stream ends, and making an error each time costs more than the rest of its end. */
const streamGone = new Error('the stream is gone');

class Exchange implements IncomingRequest {
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #bytes: ByteStream;
  readonly #clock: Clock;
  #controller: AbortController | undefined;
  #isHeadSent = false;
  #isInformed = false;
  #isOutboundEnded = false;
  #wasOurs = false;
  #isReading = false;

  constructor(parts: ExchangeParts) {
    this.headers = parts.headers;
    this.#stream = parts.stream;
    this.#bytes = parts.bytes;
    this.#clock = parts.clock;
  }

  get isOutboundEnded(): boolean {
    return this.#isOutboundEnded;
  }

  get method(): string {
    return this.headers[':method'] ?? '';
  }

  get path(): string {
    return this.headers[':path'] ?? '';
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#stream.destroyed) controller.abort(streamGone);
      else this.#stream.once('close', () => controller.abort(streamGone));
    }
    return this.#controller.signal;
  }

  /** A stream that ended by a code, or early, without our doing. */
  get wasResetByPeer(): boolean {
    const isOurs = this.#wasOurs || this.#stream.errored?.name === 'AbortError';
    return !isOurs && (this.#stream.aborted || this.#stream.rstCode !== 0);
  }

  inform(wait: WaitReason): void {
    if (this.#isHeadSent || this.#isInformed || this.#stream.destroyed || this.#stream.closed) return;
    this.#isInformed = true;
    this.#stream.additionalHeaders({ ':status': 102, [waitField]: wait });
  }

  accept(headers: Readonly<Record<string, string>> = {}): ByteStream {
    this.#sendHead({ ':status': 200, ...headers }, false);
    return this.#bytes;
  }

  reply(body: string | Uint8Array, contentType = 'application/json'): void {
    if (body.length === 0) this.#sendHead({ ':status': 204 }, true);
    else this.#sendWhole({ ':status': 200, 'content-type': contentType }, body);
    this.#discardInbound();
  }

  refuse(problem: Problem): void {
    const head = { ':status': problem.status, 'content-type': 'application/problem+json' };
    this.#sendWhole(head, JSON.stringify(problem));
    this.#discardInbound();
  }

  async readBody(maxBytes: number = limits.statementMaxBytes): Promise<Buffer> {
    this.#isReading = true;
    try {
      return await readBody(this.#bytes, maxBytes);
    } finally {
      this.#isReading = false;
    }
  }

  fail(error: unknown): void {
    if (!this.#isHeadSent) this.refuse(toProblem(error));
    else
      this.#bytes.abort(error instanceof Error ? error : new Error('the handler failed', { cause: error }));
  }

  #sendWhole(headers: OutgoingHttpHeaders, body: string | Uint8Array): void {
    this.#sendHead(headers, false);
    this.#bytes.write(typeof body === 'string' ? Buffer.from(body) : body);
    this.#bytes.endClean();
  }

  #sendHead(headers: OutgoingHttpHeaders, endStream: boolean): void {
    if (this.#isHeadSent) throw new Error('a request is answered once');
    this.#isHeadSent = true;
    this.#isOutboundEnded = endStream;
    // The peer may have gone while the answer was being found.
    if (this.#stream.destroyed || this.#stream.closed) return;
    this.#stream.respond(headers, endStream ? { endStream } : { waitForTrailers: true });
  }

  /** After a whole answer the rest of the request is of no use; one that does not end is cut. */
  #discardInbound(): void {
    if (this.#bytes.isClosed) return;
    const timer = this.#clock.setTimer(
      limits.discardWithinMs,
      () => {
        this.#wasOurs = true;
        this.#bytes.abort(new Error('the request went on after its answer'));
      },
      { ref: false },
    );
    this.#stream.once('close', () => timer.cancel());
    if (!this.#isReading) this.#bytes.listen({ onData: () => undefined, onEnd: () => undefined });
  }
}
