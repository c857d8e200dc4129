// The side of a session that asks: the gate on an agent's link, the operator towards the gate. A request
// becomes an answer with a ByteStream, or an error; never neither.

import { connect, type IncomingHttpHeaders } from 'node:http2';
import type { ComeBack } from '../core/backoff.ts';
import { fromProblem, SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { Timer } from '../platform/clock.ts';
import { readBody } from './body.ts';
import type { ByteStream } from './byte-stream.ts';
import { http2Stream } from './http2-stream.ts';
import { clientSessionOptions } from './session-options.ts';
import { waitField, type WaitReason } from './wait-reason.ts';
import {
  requireReady,
  SessionLife,
  type CountedSocket,
  type SessionEnd,
  type SessionLifeOptions,
} from './session-life.ts';

export interface RequestOptions {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the stream, before and after the answer. */
  readonly signal?: AbortSignal;
  readonly answerWithinMs?: number;
  /** The peer asks somebody first, so its answer may take longer. Told at most once. */
  readonly onWaiting?: (wait: WaitReason) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: ByteStream;
}

export interface AskOptions extends RequestOptions {
  readonly body?: Uint8Array | string;
  readonly answerMaxBytes?: number;
}

export interface FullAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request whose answer is not there yet: what is written meanwhile travels behind it. */
export interface StartedRequest {
  readonly stream: ByteStream;
  /** To be awaited: it rejects when there is none. */
  readonly answer: Promise<Answer>;
}

export interface ClientSession {
  /** Throws SallyportError when nothing more can be asked for. */
  start(options: RequestOptions): StartedRequest;
  /** One stream; resolves with the head of the answer, whatever its status. */
  request(options: RequestOptions): Promise<Answer>;
  /** A small request with its whole answer, also where no more streams fit; a problem is thrown as its error. */
  ask(options: AskOptions): Promise<FullAnswer>;
  /** Graceful: GOAWAY, then what lives may finish. The promise is `closed`. */
  close(comeBack?: ComeBack): Promise<SessionEnd>;
  abort(error?: Error): void;
  readonly closed: Promise<SessionEnd>;
  /** False once it drains or has ended: ask for nothing more. */
  readonly isOpen: boolean;
  readonly openStreams: number;
}

export function openClient(socket: CountedSocket, options: SessionLifeOptions = {}): ClientSession {
  requireReady(socket);
  // The authority is required by the interface and never looked at: one connection, one peer.
  const session = connect('http://peer', { ...clientSessionOptions, createConnection: () => socket });
  const life = new SessionLife(session, socket, options);

  const open = (
    asked: RequestOptions,
    streamsMax: number = limits.channelsPerLinkMax,
  ): { bytes: ByteStream; answer: Promise<Answer> } | SallyportError => {
    const { method = 'POST', path, headers = {}, signal } = asked;
    if (!life.isOpen) return gone('the connection is closing');
    if (signal?.aborted === true) return gone('the request was given up', signal.reason);
    // The library would queue what the peer does not allow, without bound.
    if (life.openStreams >= streamsMax) {
      return new SallyportError(
        'unavailable',
        `this connection already carries ${life.openStreams} channels`,
      );
    }
    const stream = session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: false, waitForTrailers: true },
    );
    const bytes = http2Stream(stream, { onWrite: life.wrote, onRead: life.received });
    life.track(stream, bytes);
    const answer = new Promise<Answer>((resolve, reject) => {
      const giveUp = (error: Error): void => {
        bytes.abort(error);
        reject(error);
      };
      const withinMs = asked.answerWithinMs ?? limits.controlRequestTimeoutMs;
      const expire = (ms: number): Timer =>
        life.clock.setTimer(ms, () => giveUp(gone(`no answer within ${ms} ms`)));
      let timer = expire(withinMs);
      let isToldToWait = false;
      // Node gives informational responses this name.
      stream.on('headers', (head: IncomingHttpHeaders) => {
        // Once: a peer that says it again and again would never have to answer.
        if (isToldToWait || head[waitField] !== 'consent') return;
        isToldToWait = true;
        timer.cancel();
        timer = expire(limits.consentWaitMs + withinMs);
        asked.onWaiting?.('consent');
      });
      const onAbort = (): void => giveUp(gone('the request was given up', signal?.reason));
      signal?.addEventListener('abort', onAbort, { once: true });
      let isAnswered = false;
      stream.once('response', (head: IncomingHttpHeaders) => {
        isAnswered = true;
        timer.cancel();
        resolve({ status: Number(head[':status']), headers: head, stream: bytes });
      });
      stream.once('close', () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        // An error that nobody hears costs as much as the stream.
        if (!isAnswered) reject(gone('the connection ended before the answer', stream.errored));
      });
    });
    return { bytes, answer };
  };

  const ask = async (asked: AskOptions): Promise<FullAnswer> => {
    const opened = open(asked, limits.channelsPerLinkMax + limits.asksPerLinkMax);
    if (opened instanceof SallyportError) throw opened;
    const { bytes, answer } = opened;
    if (asked.body !== undefined) bytes.write(toBytes(asked.body));
    bytes.endClean();
    const withinMs = asked.answerWithinMs ?? limits.controlRequestTimeoutMs;
    // The head in time and then a body that never ends would hold the caller for ever.
    const timer = life.clock.setTimer(withinMs, () => bytes.abort(gone(`no answer within ${withinMs} ms`)));
    try {
      const { status, headers } = await answer;
      const body = await readBody(bytes, asked.answerMaxBytes ?? limits.statementMaxBytes);
      if (status >= 400) throw problemIn(status, body);
      return { status, headers, body };
    } catch (error) {
      bytes.abort(error instanceof Error ? error : gone('the request failed', error));
      throw error;
    } finally {
      timer.cancel();
    }
  };

  return {
    start(asked) {
      const opened = open(asked);
      if (opened instanceof SallyportError) throw opened;
      return { stream: opened.bytes, answer: opened.answer };
    },
    async request(asked) {
      const opened = open(asked);
      if (opened instanceof SallyportError) throw opened;
      return opened.answer;
    },
    ask,
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

/** The error that a refusing answer to request() carries; reads the answer to its end. */
export async function readProblem(answer: Answer): Promise<SallyportError> {
  answer.stream.endClean();
  try {
    return problemIn(answer.status, await readBody(answer.stream, limits.headersMaxBytes));
  } catch (error) {
    answer.stream.abort(error instanceof Error ? error : gone('the answer was cut off', error));
    return gone(`the peer answered ${answer.status}, and its words were cut off`, error);
  }
}

function problemIn(status: number, body: Buffer): SallyportError {
  return (
    fromProblem(parseJsonObject(body.toString('utf8'))) ??
    new SallyportError('internal', `the peer answered ${status} without saying why`)
  );
}

function gone(message: string, cause?: unknown): SallyportError {
  return new SallyportError('unavailable', message, { cause });
}

function toBytes(body: Uint8Array | string): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}
