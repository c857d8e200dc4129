// A broker for transcript tests: real TLS, real ALPN routing, the real link code at the channel port; what
// it answers is the test's to say. No store, no policy, no agent.

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { SallyportError, toProblem } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { formatToken } from '../../src/core/token.ts';
import type { IncomingRequest } from '../../src/link/served-session.ts';
import { serveChannels } from '../../src/link/session.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';
import { readCsr } from '../../src/authority/pki/read-csr.ts';
import { issueLeaf } from '../../src/authority/pki/leaf.ts';
import { signKeyset } from '../../src/authority/pki/keyset.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { readClientHello } from '../../src/wire/client-hello.ts';
import {
  hourMs,
  makeLeaf,
  makePki,
  trustDomain,
  type LeafWithKey,
  type Pki,
} from '../contract/pki-fixture.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Whether a client certificate came along. */
  readonly isAuthenticated: boolean;
}

/** What a route answers; a SallyportError becomes its problem. */
export type RouteAnswer = (asked: Asked) => unknown;

export interface FakeBrokerOptions {
  /** Unix ms by which its certificates are made. */
  readonly now?: number;
  readonly onChannel?: (request: IncomingRequest) => void | Promise<void>;
  /** Headers of every api answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeBroker {
  readonly address: string;
  readonly pki: Pki;
  /** As a redeem carries it. */
  readonly keyset: string;
  readonly asked: readonly Asked[];
  /** Key: "GET /v1/devices"; a path may end in "/*". Answers for everything not listed are not_found. */
  readonly routes: Map<string, RouteAnswer>;
  readonly invite: string;
  /** A certificate for the key in a request, as the real one would issue. */
  certify(csr: string, id: string): Promise<string>;
  close(): Promise<void>;
}

export async function startFakeBroker(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const now = options.now ?? Date.now();
  const pki = await makePki(now);
  const authority = await makeLeaf(pki.issuing, 'authority', { now });
  const gate = await makeLeaf(pki.issuing, 'gate', { now });
  const asked: Asked[] = [];
  const routes = new Map<string, RouteAnswer>();
  const http = createHttpServer((request, response) => {
    void answer({ request, response, asked, routes, headers: options.headers ?? {} });
  });
  const serveHttp = (socket: TLSSocket): void => void http.emit('connection', socket);
  const apiEnd = endTls({ pki, leaf: authority }, serveHttp);
  const publicEnd = endTls({ pki, leaf: authority, isPublic: true }, serveHttp);
  const channelEnd = endTls({ pki, leaf: gate }, (socket) => {
    serveChannels(socket, async (request) => {
      if (options.onChannel === undefined) throw new SallyportError('unavailable', 'no channels here');
      await options.onChannel(request);
    });
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (hello: Buffer) => {
      socket.pause();
      socket.unshift(hello);
      const read = readClientHello(hello);
      const isChannel = 'alpn' in read && read.alpn.includes('sallyport-channel');
      const isPublic = 'alpn' in read && read.alpn.includes('sallyport-public');
      const end = isChannel ? channelEnd : isPublic ? publicEnd : apiEnd;
      end.emit('connection', socket);
    });
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    pki,
    keyset: signKeyset(
      { version: 1, trustDomain, env: 'prod', notAfter: Date.now() + hourMs, keys: [] },
      pki.root.privateKey,
    ),
    asked,
    routes,
    invite: formatToken({
      kind: 'human',
      secret: Buffer.alloc(32, 7).toString('base64url'),
      rootFingerprint: rootFingerprint(pki.root.certificate),
    }),
    certify: async (csr, id) => await certify(pki, csr, id),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

interface TlsEnd {
  readonly pki: Pki;
  readonly leaf: LeafWithKey;
  readonly isPublic?: boolean;
}

function endTls({ pki, leaf, isPublic }: TlsEnd, onSocket: (socket: TLSSocket) => void): Server {
  const server = createTlsServer({
    key: privatePem(leaf.privateKey),
    // The root comes along: a first contact compares it with the invite's fingerprint.
    cert: leaf.chainPem + pki.root.certificatePem,
    ca: pki.root.certificatePem,
    minVersion: 'TLSv1.3',
    requestCert: isPublic !== true,
    rejectUnauthorized: false,
    ALPNCallback: ({ protocols }) => protocols[0],
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly asked: Asked[];
  readonly routes: ReadonlyMap<string, RouteAnswer>;
  readonly headers: Readonly<Record<string, string>>;
}

async function answer({ request, response, asked, routes, headers }: Exchange): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://broker');
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const one: Asked = {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
    isAuthenticated: Object.keys((request.socket as TLSSocket).getPeerCertificate()).length > 0,
  };
  asked.push(one);
  const parent = url.pathname.slice(0, url.pathname.lastIndexOf('/'));
  const route = routes.get(`${one.method} ${one.path}`) ?? routes.get(`${one.method} ${parent}/*`);
  try {
    if (route === undefined) throw new SallyportError('not_found', `no route ${one.method} ${one.path}`);
    const body = await route(one);
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  } catch (error) {
    const problem = toProblem(error);
    response.writeHead(problem.status, { 'content-type': 'application/problem+json', ...headers });
    response.end(JSON.stringify(problem));
  }
}

async function certify(pki: Pki, csr: string, id: string): Promise<string> {
  const read = readCsr(csr);
  if (!read.ok) throw new SallyportError('invalid', 'not a request');
  const leaf = await issueLeaf(pki.issuing, {
    publicKey: read.publicKey,
    name: { trustDomain, env: 'prod', kind: 'human', id },
    lifeMs: limits.humanCertificateLifeMs,
    now: Date.now(),
    random: seededRandom('certify'),
  });
  return leaf.chainPem;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
}

/** A person's key and certificate, as a sign-in stores them. */
export async function makePerson(
  pki: Pki,
  options: { readonly now?: number; readonly lifeMs?: number } = {},
): Promise<LeafWithKey> {
  const now = options.now ?? Date.now();
  return await makeLeaf(pki.issuing, 'human', { now, lifeMs: options.lifeMs ?? 12 * hourMs });
}
