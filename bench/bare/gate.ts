// Bare gate: one port for agents' links, one for operators; each operator stream becomes a stream on the
// link that it names by its number, in the order in which they came. `POST /cut` ends every stream, as a
// lock would.
// Arguments: the folder with the certificates. Prints {"link":port,"operators":port} when it listens.

import { connect, constants, createSecureServer } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, Http2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { sessionWindowBytes, settings, tlsOf } from './wire.ts';

const tls = { ...tlsOf(process.argv[2] ?? '', 'gate'), requestCert: true, rejectUnauthorized: true };
const joined = new Map<ServerHttp2Stream, ClientHttp2Stream>();
const links: ClientHttp2Session[] = [];

const linkServer = createServer(tls, (socket) => {
  socket.setNoDelay(true);
  const link = connect('http://peer', { createConnection: () => socket, settings });
  link.on('error', () => socket.destroy());
  widen(link);
  links.push(link);
});

const operatorServer = createSecureServer({ ...tls, settings });
operatorServer.on('secureConnection', (socket) => socket.setNoDelay(true));
operatorServer.on('session', widen);
operatorServer.on('stream', (down, headers) => {
  down.on('error', () => undefined);
  if (headers[':path'] === '/cut') return cutAll(down);
  const link = links[Number(headers['bare-link'] ?? 0)];
  if (link === undefined) return down.respond({ ':status': 503 }, { endStream: true });
  const up = link.request({
    ':method': 'POST',
    ':path': headers[':path'],
    'bare-argv': headers['bare-argv'],
    'bare-port': headers['bare-port'],
  });
  joined.set(down, up);
  let trailers = {};
  up.on('error', () => undefined);
  up.on('close', () => {
    if (up.rstCode !== constants.NGHTTP2_NO_ERROR) down.close(constants.NGHTTP2_CANCEL);
  });
  up.on('response', () => {
    if (down.destroyed) return;
    down.respond({ ':status': 200 }, { waitForTrailers: true });
    // Not earlier: bytes that came with the head would go out before it, under a head of their own.
    up.pipe(down);
  });
  up.on('trailers', (received) => {
    trailers = { 'bare-exit': received['bare-exit'] };
  });
  down.on('wantTrailers', () => down.sendTrailers(trailers));
  down.on('close', () => {
    joined.delete(down);
    // Where both directions have ended there is nothing to cancel, only an end on its way.
    if (!up.readableEnded || !up.writableEnded) up.close(constants.NGHTTP2_CANCEL);
  });
  down.pipe(up);
});

function cutAll(asked: ServerHttp2Stream): void {
  for (const [down, up] of joined) {
    down.close(constants.NGHTTP2_CANCEL);
    up.close(constants.NGHTTP2_CANCEL);
  }
  asked.respond({ ':status': 204 }, { endStream: true });
}

function widen(session: Http2Session): void {
  setImmediate(() => {
    if (!session.destroyed) session.setLocalWindowSize(sessionWindowBytes);
  });
}

async function listen(server: Server | typeof operatorServer): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const ports = { link: await listen(linkServer), operators: await listen(operatorServer) };
process.stdout.write(`${JSON.stringify(ports)}\n`);
