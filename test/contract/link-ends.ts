// Pairs of connected ends for the link tests: plain TCP, and TLS 1.3 with a certificate made for the run.

import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../src/platform/x509.ts';

export interface Credentials {
  readonly key: string;
  readonly cert: string;
}

export async function makeCredentials(): Promise<Credentials> {
  const pair = generateP256();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=link test',
    keys: { privateKey: toCryptoKey(pair.privateKey), publicKey: toCryptoKey(pair.publicKey) },
    signingAlgorithm: signingAlgorithmOf(pair.privateKey),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'peer.test' }])],
  });
  return { key: privatePem(pair.privateKey), cert: certificate.toString('pem') };
}

export interface SocketPair {
  /** The end that dialled. */
  readonly dialled: Socket;
  readonly accepted: Socket;
}

/** Two TCP sockets joined over loopback; `port` dials through somebody else (a relay). */
export async function tcpPair(through?: (port: number) => Promise<number>): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const dialled = connect({
    host: '127.0.0.1',
    port: through === undefined ? port : await through(port),
    allowHalfOpen: true,
  });
  await once(dialled, 'connect');
  const [socket] = await accepted;
  server.close();
  return { dialled, accepted: socket };
}

export interface TlsPair {
  readonly dialled: TLSSocket;
  readonly accepted: TLSSocket;
  /** The TCP sockets below. */
  readonly below: SocketPair;
}

export async function tlsPair(
  credentials: Credentials,
  through?: (port: number) => Promise<number>,
): Promise<TlsPair> {
  const below = await tcpPair(through);
  // Not `new TLSSocket(..., {isServer: true})`: such a socket counts as still connecting for ever, and
  // an HTTP/2 session on it never starts.
  const server = createTlsServer({
    ...credentials,
    ALPNProtocols: ['sallyport-link'],
    minVersion: 'TLSv1.3',
  });
  const secured = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', below.accepted);
  const dialled = connectTls({
    socket: below.dialled,
    ca: credentials.cert,
    servername: 'peer.test',
    ALPNProtocols: ['sallyport-link'],
    minVersion: 'TLSv1.3',
  });
  const [[accepted]] = await Promise.all([secured, once(dialled, 'secureConnect')]);
  return { dialled, accepted, below };
}
