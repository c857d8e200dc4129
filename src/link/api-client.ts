// One request to the broker's /v1 api over mutual TLS 1.3, for the CLI and the agent alike. The server must
// chain to the pinned root and be of the SPIFFE kind `authority`; being signed by our CA is not enough.
// A problem object becomes the SallyportError that it describes; every other failure becomes one with
// words. Nothing but node:https and small pure files is imported: the start of each command pays for it.

import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { fromProblem, SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { serverKindCheck } from '../wire/tls-peer.ts';
import { parseAddress, serverName } from './address.ts';
import { describeTlsFault } from './tls-fault.ts';

export interface ApiRequest {
  /** "host:port"; the port may be left out. */
  readonly address: string;
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

function exchange(options: ApiRequest, payload: Buffer | undefined): Promise<RawAnswer> {
  const timeoutMs = options.timeoutMs ?? limits.apiRequestTimeoutMs;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(requestOptions(options, payload));
    // One deadline over everything: a socket timeout alone lets a slow drip go on for ever.
    const deadline = setTimeout(() => request.destroy(timedOut(options.address, timeoutMs)), timeoutMs);
    request.on('response', (response) => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    request.on('error', reject);
    request.on('close', () => clearTimeout(deadline));
    request.end(payload);
  }).catch((error: unknown) => {
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw error instanceof SallyportError ? error : describeTlsFault(error, options.address);
  }) as Promise<RawAnswer>;
}

// Node hands every TLS option on to tls.connect; its types do not say so of this one.
interface TlsRequestOptions extends RequestOptions {
  readonly ALPNProtocols: string[];
}

function requestOptions(options: ApiRequest, payload: Buffer | undefined): TlsRequestOptions {
  const { host, port } = parseAddress(options.address);
  const isAuthenticated = options.key !== undefined && options.cert !== undefined;
  return {
    host,
    port,
    servername: serverName(host),
    method: options.method,
    path: options.path,
    // A session of one connection must never be resumed on another: node skips the name check then.
    agent: false,
    ca: options.root,
    ...(isAuthenticated ? { key: options.key, cert: options.cert } : {}),
    ALPNProtocols: [isAuthenticated ? 'sallyport-api' : 'http/1.1'],
    minVersion: 'TLSv1.3',
    checkServerIdentity: serverKindCheck('authority', options.trustDomain),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
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
