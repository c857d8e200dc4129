// Ports on loopback: a free one for programs that cannot be asked for port 0, and whether one is served.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const connectTries = 100;
const connectEveryMs = 50;

/** Was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export async function untilListening(port: number): Promise<void> {
  for (let left = connectTries; ; left -= 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, connectEveryMs));
    } finally {
      socket.destroy();
    }
  }
}
