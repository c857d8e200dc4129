// A crowd of bare operators in one process, each with a connection of its own: opens them, lets them
// stream, asks for the cut, and says when the last byte of each came. Lines of JSON on stdout; a line on
// stdin starts the cut. Arguments: the folder with the certificates, the operator port, how many, command.

import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { Crowd } from '../measure/crowd.ts';
import { requestHeaders, settings, tlsOf } from './wire.ts';

const [folder = '', port = '', count = '', ...argv] = process.argv.slice(2);
const tls = tlsOf(folder, 'operator');

function open(): ClientHttp2Session {
  const socket = connectTls({ ...tls, host: '127.0.0.1', port: Number(port), servername: 'localhost' });
  socket.setNoDelay(true);
  const session = connect('https://localhost', { createConnection: () => socket, settings });
  session.on('error', () => session.destroy());
  return session;
}

const crowd = new Crowd(Number(count));
await crowd.open(async (member) => {
  const session = open();
  const stream = session.request(requestHeaders({ kind: 'exec', argv }), { endStream: true });
  stream.on('data', () => member.received());
  stream.on('error', () => undefined);
  stream.on('close', () => {
    member.ended();
    session.close();
  });
});
await crowd.cutWith(async () => {
  const session = open();
  const stream = session.request({ ':method': 'POST', ':path': '/cut' }, { endStream: true });
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', resolve);
    stream.resume();
  });
  session.close();
});
process.exit(0);
