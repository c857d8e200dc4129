// Bare operator: one process, one TLS connection, one stream; the remote exit code becomes its own.
// Arguments: the folder with the certificates, the gate's operator port, "exec" or "shell", the command.

import { dialGate } from './dial.ts';
import { requestHeaders } from './wire.ts';

const [folder = '', port = '', kind, ...argv] = process.argv.slice(2);
const session = dialGate(folder, port);
const isShell = kind === 'shell';
const stream = session.request(requestHeaders({ kind: isShell ? 'shell' : 'exec', argv }), {
  endStream: !isShell,
});
let exit = 255;
stream.on('trailers', (trailers) => {
  exit = Number(trailers['bare-exit']);
});
stream.on('data', (bytes: Buffer) => {
  if (process.stdout.write(bytes)) return;
  stream.pause();
  process.stdout.once('drain', () => stream.resume());
});
stream.on('end', () => stream.end());
// Left to end by itself: process.exit would lose what the pipe has not taken, and on Node 24 it can wait for
// ever for a compiler thread that waits for the main one.
stream.on('close', () => {
  process.exitCode = exit;
  process.stdin.destroy();
  session.close();
});
if (isShell) {
  process.stdin.setRawMode(true);
  process.stdin.on('data', (typed: Buffer) => stream.write(typed));
}
