// A source and a sink of bytes. It greets each connection with one byte, then reads one line: "down N" gets
// N bytes and an end; after "up N" it reads N bytes and an end, and says one byte that all have come.
// Prints its port.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { pour } from './pour.ts';

const lineMaxBytes = 64;

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  // A client that leaves in the middle is no news here: it counts what it got.
  socket.on('error', () => socket.destroy());
  socket.write('.');
  let said = Buffer.alloc(0);
  const readLine = (chunk: Buffer): void => {
    said = Buffer.concat([said, chunk]);
    const end = said.indexOf('\n');
    if (end < 0 && said.length < lineMaxBytes) return;
    socket.off('data', readLine);
    const [way, count] = said.subarray(0, end).toString().split(' ');
    if (way === 'down') serveDown(socket, Number(count));
    else serveUp(socket, { bytes: Number(count), early: said.length - end - 1 });
  };
  socket.on('data', readLine);
});

function serveDown(socket: Socket, bytes: number): void {
  socket.resume();
  pour(socket, bytes);
}

function serveUp(socket: Socket, { bytes, early }: { readonly bytes: number; readonly early: number }): void {
  let got = early;
  socket.on('data', (chunk: Buffer) => {
    got += chunk.length;
  });
  socket.on('end', () => {
    if (got === bytes) socket.end('.');
    else socket.destroy();
  });
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
