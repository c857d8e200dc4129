// The answer to a TLS-ALPN-01 challenge (RFC 8737): a TLS server behind the gate, there while the challenge is, that
// shows one certificate and says nothing else.

import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { acmeAlpn } from '../../wire/alpn.ts';
import { takeProxyLine } from '../api/proxy-line.ts';

/** The authority looks from several places at once (RFC 8555, section 10.2). */
const connectionsMax = 32;

export interface AlpnDoor {
  close(): Promise<void>;
}

export async function openAlpnDoor(
  path: string,
  shown: {
    readonly key: string | Buffer;
    readonly cert: string | Buffer;
    readonly clock: Clock;
    readonly socketMode: number;
  },
): Promise<AlpnDoor> {
  const { key, cert, clock, socketMode } = shown;
  const sockets = new Set<Socket>();
  const tls = createTlsServer(
    { key, cert, ALPNProtocols: [acmeAlpn], handshakeTimeout: limits.tlsHandshakeTimeoutMs },
    // RFC 8737, section 3: after the handshake nothing is said.
    (socket) => socket.end(),
  );
  tls.on('tlsClientError', (_error, socket) => socket.destroy());
  const front = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void takeProxyLine(socket, clock).then((source) => {
      if (source === undefined) return;
      clock.setTimer(limits.tlsHandshakeTimeoutMs, () => socket.destroy(), { ref: false });
      tls.emit('connection', socket);
    });
  });
  front.maxConnections = connectionsMax;
  // Left behind by a process that was killed.
  await rm(path, { force: true });
  front.listen(path);
  await once(front, 'listening');
  await chmod(path, socketMode);
  return {
    close: async () => {
      front.close();
      for (const socket of sockets) socket.destroy();
      await rm(path, { force: true });
    },
  };
}
