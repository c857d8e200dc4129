// The device's half of aborts.ts, in a process of its own: a real agent, and what its forwards lead to: a
// server that greets, and one that resets what it has greeted. Says its ports when the agent runs, and what
// is left whenever it is asked.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { runAgent } from '../../src/agent/agent.ts';
import { silentLog } from '../../src/platform/log.ts';
import { countLeft, type Left } from './count-left.ts';

export type DeviceWord =
  | { readonly type: 'ports'; readonly patient: number; readonly resetting: number }
  | { readonly type: 'left'; readonly accepted: number; readonly left: Left };

const open = new Set<Socket>();
let accepted = 0;

async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    accepted += 1;
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    socket.write('hello');
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function tell(word: DeviceWord): void {
  process.send?.(word);
}

const patient = await serve((socket) => socket.resume());
const resetting = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
process.once('disconnect', () => process.exit(0));
process.on('message', () => {
  const look = (): void => {
    if (open.size > 0) return void setImmediate(look);
    void countLeft().then((left) => tell({ type: 'left', accepted, left }));
  };
  look();
});
await runAgent({
  state: process.argv[2],
  version: '0.1.0',
  signal: new AbortController().signal,
  log: silentLog,
  useCgroups: false,
  onReady: () => tell({ type: 'ports', patient, resetting }),
});
