// The other processes of unread.ts, one a process: a gate, or what the forwards lead to. Each says its ports.
// The latter says, whenever it is asked, how many of its connections are open.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { runGate } from '../../src/gate/assemble.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';

export interface GatePorts {
  readonly gate: number;
}

export interface TargetPorts {
  /** Sends without end. */
  readonly pouring: number;
  /** Sends back what it hears. */
  readonly echo: number;
}

const chunk = Buffer.alloc(64 * 1024);
let open = 0;

function pour(socket: Socket): void {
  const more = (): void => {
    while (socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    open += 1;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      open -= 1;
    });
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

process.once('disconnect', () => process.exit(0));
const [, , role, ...sockets] = process.argv;
if (role === 'gate') {
  const [controlSocket = '', apiSocket = '', apiMtlsSocket = '', webSocket = ''] = sockets;
  const gate = await runGate({
    controlSocket,
    apiSocket,
    apiMtlsSocket,
    webSocket,
    listen: { host: '127.0.0.1', port: 0 },
    gateName: 'gate-1',
    version: '0.1.0',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  process.send?.({ gate: gate.port } satisfies GatePorts);
} else {
  const ports = { pouring: await serve(pour), echo: await serve((socket) => void socket.pipe(socket)) };
  process.on('message', () => process.send?.(open));
  process.send?.(ports satisfies TargetPorts);
}
