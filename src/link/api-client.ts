// One request to the broker's /v1 api over mutual TLS 1.3, for the CLI and the agent alike. The server must
// chain to the pinned root and be of the SPIFFE kind `authority`; being signed by our CA is not enough.
// A problem object becomes the SallyportError that it describes; every other failure becomes one with
// words. Nothing but node's own http and tls and small pure files is imported: the start of each command
// pays for it.

import { apiAlpn, publicAlpn } from '../wire/alpn.ts';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { fromProblem, SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { serverKindCheck } from '../wire/tls-peer.ts';
import { parseAddress } from './address.ts';
import { dialBroker } from './dial.ts';
import type { OutboundProxy } from './outbound-proxy.ts';
import { describeTlsFault } from './tls-fault.ts';

export interface ApiRequest {
  /** "host:port"; the port may be left out. */
  readonly address: string;
  /** As of DialOptions. */
  readonly also?: readonly string[] | undefined;
  readonly proxy?: OutboundProxy | undefined;
  /** PEM of the pinned root. */
  readonly root: string;
  readonly trustDomain: string;
  /** PEM. Key and chain together make an authenticated call; without them it is a public one. */
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query: "/v1/devices?limit=10". */
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string | undefined;
  /** Of a caller whose clock may be wrong: dial-by-root.ts says what it is for. */
  readonly trueTime?: () => number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  /** The parsed JSON; undefined where there was no body. */
  readonly body: unknown;
}

/** Throws SallyportError: the broker's own problem, or `unavailable` when it could not be asked. */
export async function apiRequest(options: ApiRequest): Promise<ApiAnswer> {
  const payload = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
  const { status, text } = await exchange(options, payload);
  const body = parseBody(text, status, options.address);
  if (status >= 200 && status < 300) return { status, body };
  throw (
    fromProblem(body) ??
    new SallyportError('unavailable', `"${options.address}" answered with status ${status} and no reason`, {
      next: 'check that the address is a Sallyport broker',
    })
  );
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

async function exchange(options: ApiRequest, payload: Buffer | undefined): Promise<RawAnswer> {
  const { address, proxy, signal } = options;
  const timeoutMs = options.timeoutMs ?? limits.apiRequestTimeoutMs;
  // One deadline over everything: a socket timeout alone lets a slow drip go on for ever.
  const stop = new AbortController();
  const deadline = setTimeout(() => stop.abort(timedOut(address, timeoutMs)), timeoutMs);
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const socket = await dial(options, stop.signal);
    return await ask(socket, { options, payload, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) throw stop.signal.reason;
    throw describeTlsFault(error, address, proxy?.name);
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function dial(options: ApiRequest, signal: AbortSignal): Promise<TLSSocket> {
  const { address, also, proxy, root, key, cert, trustDomain, trueTime } = options;
  const isAuthenticated = key !== undefined && cert !== undefined;
  const way = { address, also, proxy, alpn: isAuthenticated ? apiAlpn : publicAlpn, signal };
  if (trueTime !== undefined) {
    // Loaded by agents only.
    const { dialByRoot } = await import('./dial-by-root.ts');
    return (await dialByRoot({ ...way, root, trustDomain, kind: 'authority', key, cert, trueTime })).socket;
  }
  return await dialBroker({
    ...way,
    // Each connection is made anew: a resumed TLS session would skip the check of who the server is.
    tls: {
      ca: root,
      ...(isAuthenticated ? { key, cert } : {}),
      checkServerIdentity: serverKindCheck('authority', trustDomain),
    },
  });
}

function ask(
  socket: TLSSocket,
  asked: {
    readonly options: ApiRequest;
    readonly payload: Buffer | undefined;
    readonly signal: AbortSignal;
  },
): Promise<RawAnswer> {
  const { options, payload, signal } = asked;
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...requestOptions(options, payload),
      createConnection: () => socket,
      signal,
    });
    request.on('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    request.on('error', reject);
    request.end(payload);
  });
}

function requestOptions(options: ApiRequest, payload: Buffer | undefined): RequestOptions {
  const { host, port } = parseAddress(options.address);
  return {
    host,
    port,
    method: options.method,
    path: options.path,
    headers: {
      accept: 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(payload.length) }),
      ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
    },
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limits.apiAnswerMaxBytes) {
      throw new SallyportError('unavailable', `the answer is over ${limits.apiAnswerMaxBytes} bytes`, {
        next: 'ask for a smaller page',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string, status: number, address: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SallyportError(
      'unavailable',
      `"${address}" answered with status ${status} and something that is not JSON`,
      { next: 'check that the address is a Sallyport broker', cause },
    );
  }
}

function timedOut(address: string, timeoutMs: number): SallyportError {
  return new SallyportError('unavailable', `"${address}" did not answer within ${timeoutMs / 1_000} s`, {
    next: 'check the network, and that the broker runs',
  });
}
