// One HTTP/2 connection to the authority's control socket: asks, each with a deadline and one answer, as lines on
// one stream (a stream for each would cost more than what is asked), and the stream of orders. When and how often
// to connect is authority-client.ts's business. An ask is never taken back because an operator left: the authority
// may have decided it already, and its answer says what has to be reported.

import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { fromProblem, SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Answer } from '../wire/control.ts';
import { object, whole, type Fields } from '../wire/fields.ts';
import { LineReader } from '../wire/lines.ts';

interface Waiting {
  readonly resolve: (body: Fields) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: Timer;
}

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
  readonly #asks: ClientHttp2Stream;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

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
    this.#asks = this.#open('POST', '/gate/asks');
    this.#readAnswers();
  }

  /** Throws the authority's problem, or `unavailable`. */
  post(path: string, body: object): Promise<Fields> {
    return new Promise((resolve, reject) => {
      if (this.#asks.destroyed || this.#waiting.size >= limits.channelsPerLinkMax) throw authorityGone();
      this.#asked += 1;
      const id = this.#asked;
      const { clock, requestTimeoutMs } = this.#options;
      const deadline = clock.setTimer(requestTimeoutMs, () => {
        this.#waiting.delete(id);
        reject(authorityGone(new Error(`no answer within ${requestTimeoutMs} ms`)));
      });
      this.#waiting.set(id, { resolve, reject, deadline });
      this.#asks.write(`${JSON.stringify({ id, path, body })}\n`);
    });
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
    return this.#session.request(
      { ':method': method, ':path': path, 'sallyport-gate': this.#options.gateName },
      { endStream: false },
    );
  }

  #readAnswers(): void {
    // A link's answer is the longest: a keyset, a welcome and a lease.
    const reader = new LineReader(3 * limits.statementMaxBytes + limits.headersMaxBytes);
    this.#asks.on('data', (chunk: Uint8Array) => {
      const answers = reader.push(chunk)?.map(readAnswer);
      // What cannot be understood could have been any answer.
      if (answers === undefined) return this.abort();
      for (const answer of answers) this.#settle(answer);
    });
    this.#asks.on('error', () => undefined);
    this.#asks.once('close', () => {
      this.abort();
      for (const { reject, deadline } of this.#waiting.values()) {
        deadline.cancel();
        reject(authorityGone());
      }
      this.#waiting.clear();
    });
  }

  /** One that nobody waits for any more has come after its deadline. */
  #settle(answer: Answer | undefined): void {
    if (answer === undefined) return this.abort();
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    waiting.deadline.cancel();
    if (!('problem' in answer)) return waiting.resolve(answer.body);
    waiting.reject(
      fromProblem(answer.problem) ?? authorityGone(new Error('its answer is no problem of ours')),
    );
  }
}

function readAnswer(line: string): Answer | undefined {
  const fields = parseJsonObject(line) ?? {};
  const [id, body, problem] = [whole(fields, 'id'), object(fields, 'body'), object(fields, 'problem')];
  if (id === undefined) return undefined;
  if (problem !== undefined) return { id, problem };
  return body === undefined ? undefined : { id, body };
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
