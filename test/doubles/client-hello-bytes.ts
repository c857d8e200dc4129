// The first bytes that a real TLS client writes, without a connection: Node's TLS over a stream in memory.

import { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';

export function clientHelloBytes(options: ConnectionOptions): Buffer {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const socket = connect({ socket: wire, rejectUnauthorized: false, ...options });
  socket.on('error', () => {});
  socket.destroy();
  return Buffer.concat(written);
}
