// Bare agent: dials the gate, then serves HTTP/2 on its own socket. A stream is a command, plain pipes for
// exec, a pty for shell, or a connection to a port of this machine. Arguments: the folder with the certificates, the gate's link port.

import { spawn } from 'node:child_process';
import { constants, createServer, type ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { spawn as spawnPty } from '@lydell/node-pty';
import { join } from './join.ts';
import { readRequest, sessionWindowBytes, settings, tlsOf } from './wire.ts';

const [folder = '', port = ''] = process.argv.slice(2);
const server = createServer({ settings });
server.on('session', (session) => {
  setImmediate(() => session.setLocalWindowSize(sessionWindowBytes));
});
server.on('stream', (stream, headers) => {
  if (headers[':path'] === '/tcp') return reach(stream, Number(headers['bare-port']));
  stream.on('error', () => undefined);
  const { kind, argv } = readRequest(headers);
  if (kind === 'exec') runCommand(stream, argv);
  else runShell(stream, argv);
});

function reach(stream: ServerHttp2Stream, place: number): void {
  const peer = connectTcp({ host: '127.0.0.1', port: place, allowHalfOpen: true, noDelay: true });
  peer.on('connect', () => {
    if (!stream.destroyed) stream.respond({ ':status': 200 });
  });
  join(peer, stream);
}

function runCommand(stream: ServerHttp2Stream, argv: readonly string[]): void {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let exit = '255';
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'bare-exit': exit }));
  stream.on('close', () => child.kill('SIGKILL'));
  child.stdout.pipe(stream, { end: false });
  child.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  child.on('close', (code) => {
    exit = String(code ?? 255);
    stream.end();
  });
}

function runShell(stream: ServerHttp2Stream, argv: readonly string[]): void {
  const [file = '', ...args] = argv;
  const pty = spawnPty(file, args, { cols: 80, rows: 24 });
  let exit = '255';
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'bare-exit': exit }));
  stream.on('data', (typed: Buffer) => pty.write(typed.toString()));
  stream.on('close', () => pty.kill('SIGKILL'));
  pty.onData((text) => void stream.write(text));
  pty.onExit(({ exitCode }) => {
    exit = String(exitCode);
    stream.end();
  });
}

const socket = connect({
  ...tlsOf(folder, 'agent'),
  host: '127.0.0.1',
  port: Number(port),
  servername: 'localhost',
});
socket.setNoDelay(true);
socket.on('close', () => process.exit(0));
socket.on('secureConnect', () => {
  server.emit('connection', socket);
  process.stdout.write('linked\n');
});
