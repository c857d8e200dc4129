// Bare agents that are idle: many links in one process, each a TLS connection that serves HTTP/2 and is asked
// nothing but pings. Arguments: the folder with the certificates, the gate's link port, how many. Prints
// "linked" when all are.

import { createServer } from 'node:http2';
import { connect } from 'node:tls';
import { sessionWindowBytes, settings, tlsOf } from './wire.ts';

const [folder = '', port = '', count = ''] = process.argv.slice(2);
const options = { ...tlsOf(folder, 'agent'), host: '127.0.0.1', port: Number(port), servername: 'localhost' };
const server = createServer({ settings });
server.on('session', (session) => {
  setImmediate(() => session.setLocalWindowSize(sessionWindowBytes));
});
/** Handshakes under way at once. */
const atOnce = 64;
let left = Number(count);

async function link(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(options);
    socket.setNoDelay(true);
    socket.once('error', reject).once('secureConnect', () => {
      server.emit('connection', socket);
      resolve();
    });
  });
}

await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (left-- > 0) await link();
  }),
);
process.stdout.write('linked\n');
