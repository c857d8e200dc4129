// Who comes to the gate in tests: an agent that takes whatever pass it is shown and keeps count of what
// reaches it, and an operator who asks for channels. Both use the real link code, neither checks anything.

import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import { openChannelClient, serveLink } from '../../src/link/session.ts';
import type { IncomingRequest, ServedSession } from '../../src/link/served-session.ts';
import type { Answer, ClientSession } from '../../src/link/client-session.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { TestCa, TestLeaf } from './test-ca.ts';

export interface DialOptions {
  readonly ca: TestCa;
  readonly port: number;
  readonly alpn: string;
  readonly leaf?: TestLeaf;
  readonly more?: ConnectionOptions;
}

/** A TLS connection as far as the client sees it; a refusal by certificate comes after that. */
export async function dial(options: DialOptions): Promise<TLSSocket> {
  const { ca, port, leaf } = options;
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: ca.root,
    ALPNProtocols: [options.alpn],
    checkServerIdentity: () => undefined,
    ...(leaf === undefined ? {} : { key: leaf.key, cert: leaf.cert }),
    ...options.more,
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** How a connection ended for its client: resolves with the error's code, or "closed". */
export async function fate(options: DialOptions): Promise<string> {
  try {
    const socket = await dial(options);
    socket.resume();
    return await new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.on('close', () => resolve('closed'));
    });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export interface FakeAgent {
  readonly served: ServedSession;
  readonly socket: TLSSocket;
  /** Paths of everything asked of it, hello and welcome included. */
  readonly asked: readonly string[];
  readonly bodies: ReadonlyMap<string, readonly string[]>;
  readonly welcomed: Promise<void>;
}

export interface FakeAgentOptions extends Omit<DialOptions, 'alpn'> {
  readonly clock?: Clock;
  onChannel?(stream: ByteStream, request: IncomingRequest): void;
  /** Instead of the usual answer; true: it has answered. */
  onRequest?(request: IncomingRequest): boolean;
}

export async function startAgent(options: FakeAgentOptions): Promise<FakeAgent> {
  const socket = await dial({ ...options, alpn: 'sallyport-link' });
  const asked: string[] = [];
  const bodies = new Map<string, string[]>();
  const { promise: welcomed, resolve } = Promise.withResolvers<void>();
  const handler = async (request: IncomingRequest): Promise<void> => {
    asked.push(request.path);
    if (options.onRequest?.(request) === true) return;
    if (request.path.startsWith('/channels/')) return options.onChannel?.(request.accept(), request);
    const body = (await request.readBody()).toString('utf8');
    bodies.set(request.path, [...(bodies.get(request.path) ?? []), body]);
    if (request.path === '/hello') {
      request.reply(
        JSON.stringify({
          version: 1,
          agentVersion: '0.1.0',
          linkNonce: 'n'.repeat(43),
          stateEpoch: 1,
          platform: 'test',
        }),
      );
      return;
    }
    request.reply('');
    if (request.path === '/welcome') resolve();
  };
  const served = serveLink(socket, handler, options.clock === undefined ? {} : { clock: options.clock });
  return { served, socket, asked, bodies, welcomed };
}

export interface FakeOperator {
  readonly client: ClientSession;
  readonly socket: TLSSocket;
  open(session: string, options?: { readonly headers?: Readonly<Record<string, string>> }): Promise<Answer>;
}

export async function startOperator(options: Omit<DialOptions, 'alpn'>): Promise<FakeOperator> {
  const socket = await dial({ ...options, alpn: 'sallyport-channel' });
  const client = openChannelClient(socket);
  return {
    client,
    socket,
    open: (session, { headers } = {}) =>
      client.request({ path: '/channels/exec', headers: { ...channelHeaders(session), ...headers } }),
  };
}

export function channelHeaders(session: string): Readonly<Record<string, string>> {
  return {
    'sallyport-version': '1',
    'sallyport-session': session,
    'sallyport-open': 'open.signature',
    'sallyport-params': Buffer.from('{"kind":"exec"}').toString('base64url'),
  };
}

/** A session id that differs with the number. */
export function sessionId(n: number): string {
  return `ses_${n.toString().padStart(26, '0')}`;
}
