// Bare operator with a local port: each connection that it accepts is one stream on its one TLS connection
// to the gate. What a client says first goes out with the request.
// Arguments: the folder with the certificates, the gate's operator port, which of the gate's links, the port
// that the agent dials. Prints {"listen":port} when it listens.

import { createServer, type AddressInfo } from 'node:net';
import { dialGate } from './dial.ts';
import { join } from './join.ts';

const [folder = '', port = '', link = '', place = ''] = process.argv.slice(2);
const session = dialGate(folder, port);
session.on('close', () => process.exit(1));

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  join(
    socket,
    session.request({ ':method': 'POST', ':path': '/tcp', 'bare-link': link, 'bare-port': place }),
  );
});
session.on('connect', () => {
  server.listen(0, '127.0.0.1', () => {
    const { port: listen } = server.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ listen })}\n`);
  });
});
