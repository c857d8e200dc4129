// The bare operator's one TLS connection to the gate, with windows as the product has them.

import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { sessionWindowBytes, settings, tlsOf } from './wire.ts';

export function dialGate(folder: string, port: string): ClientHttp2Session {
  const socket = connectTls({
    ...tlsOf(folder, 'operator'),
    host: '127.0.0.1',
    port: Number(port),
    servername: 'localhost',
  });
  socket.setNoDelay(true);
  const session = connect('https://localhost', { createConnection: () => socket, settings });
  session.on('connect', () => session.setLocalWindowSize(sessionWindowBytes));
  return session;
}
