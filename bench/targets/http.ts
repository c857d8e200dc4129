// A plain node:http server with one small answer, always of the same length. Prints its port.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = '{"state":"running","pressure":4.2}\n';
const headers = { 'content-type': 'application/json', 'content-length': body.length };

const server = createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
