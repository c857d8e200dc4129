// One HTTP/2 connection to the authority's control socket: small JSON requests with a deadline each, and
// the stream of orders. When and how often to connect is authority-client.ts's business. A request is
// never cancelled because an operator left: the authority may have decided it already, and its answer
// says what has to be reported.

import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { fromProblem, SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fields } from '../wire/fields.ts';

export interface ControlSessionOptions {
  readonly path: string;
  readonly gateName: string;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
}

export class ControlSession {
  readonly closed: Promise<void>;
  readonly #options: ControlSessionOptions;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  #pending = 0;

  constructor(socket: Socket, options: ControlSessionOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#session = connectHttp2('http://authority', {
      createConnection: () => socket,
      settings: { initialWindowSize: limits.streamWindowBytes, enablePush: false },
      peerMaxConcurrentStreams: limits.channelsPerLinkMax,
      maxSessionMemory: limits.sessionMemoryMib,
    });
    this.closed = new Promise((resolve) => {
      this.#session.once('close', resolve);
    });
    this.#session.once('connect', () => this.#session.setLocalWindowSize(limits.sessionWindowBytes));
    // Errors end in 'close'; GOAWAY means that the authority stops, and it will not answer any more.
    this.#session.on('error', () => this.abort());
    this.#session.once('goaway', () => this.abort());
  }

  /** Undefined for an empty answer. Throws the authority's problem, or `unavailable`. */
  async post(path: string, body: object): Promise<Fields | undefined> {
    if (this.#session.destroyed || this.#pending >= limits.channelsPerLinkMax) throw authorityGone();
    this.#pending++;
    const stream = this.#open('POST', path);
    const { clock, requestTimeoutMs } = this.#options;
    const deadline = clock.setTimer(requestTimeoutMs, () => abortStream(stream));
    try {
      stream.end(JSON.stringify(body));
      const { status, text } = await readAnswer(stream);
      const fields = parseJsonObject(text);
      if (status === 204) return undefined;
      if (status === 200 && fields !== undefined) return fields;
      throw fromProblem(fields) ?? authorityGone(new Error(`the answer had status ${status}`));
    } finally {
      deadline.cancel();
      this.#pending--;
    }
  }

  /** `onEnd` is called once, when no order will come any more. */
  orders(onChunk: (chunk: Uint8Array) => void, onEnd: () => void): void {
    const stream = this.#open('GET', '/gate/orders');
    stream.on('data', onChunk);
    stream.on('error', () => {});
    stream.once('close', onEnd);
    stream.end();
  }

  abort(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #open(method: string, path: string): ClientHttp2Stream {
    return this.#session.request({
      ':method': method,
      ':path': path,
      'content-type': 'application/json',
      'sallyport-gate': this.#options.gateName,
    });
  }
}

/** Throws `unavailable` when nobody listens there. */
export async function openControlSession(options: ControlSessionOptions): Promise<ControlSession> {
  const socket = connectSocket({ path: options.path });
  await new Promise<void>((resolve, reject) => {
    const deadline = options.clock.setTimer(options.requestTimeoutMs, () => socket.destroy());
    socket.once('connect', resolve);
    socket.on('error', (error) => reject(authorityGone(error)));
    socket.once('close', () => reject(authorityGone()));
    socket.once('connect', () => deadline.cancel()).once('close', () => deadline.cancel());
  });
  return new ControlSession(socket, options);
}

export function authorityGone(cause?: unknown): SallyportError {
  return new SallyportError('unavailable', 'the gate has no live authority, so it opens nothing', {
    next: 'try again in a few seconds; if it goes on, see "sallyport status" and the log of the broker',
    cause,
  });
}

/** Body and status of one answer; a stream that ends early in any way is `unavailable`. */
function readAnswer(stream: ClientHttp2Stream): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const chunks: Buffer[] = [];
    let size = 0;
    stream.once('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      // A link's answer holds a keyset, a welcome and a lease: three statements.
      if (size > 3 * limits.statementMaxBytes) abortStream(stream);
    });
    stream.on('error', (error) => reject(authorityGone(error)));
    stream.once('end', () => resolve({ status, text: Buffer.concat(chunks, size).toString('utf8') }));
    stream.once('close', () => reject(authorityGone()));
  });
}

function abortStream(stream: ClientHttp2Stream): void {
  addAbortSignal(AbortSignal.abort(), stream);
}
