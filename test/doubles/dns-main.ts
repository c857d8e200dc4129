// A name server over UDP for tests: dns-main.ts HOST PORT NAME=ANSWER… An answer is an IPv4 address, or
// "silent"; every other name does not exist. IPv6 is asked for in vain.

import { createSocket } from 'node:dgram';

const [host = '127.0.0.1', port = '0', ...pairs] = process.argv.slice(2);
const answers = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
const [typeA, noSuchName, headerBytes] = [1, 3, 12];

/** The name in the question, and where the question ends. */
function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 };
}

const server = createSocket('udp4', (query, from) => {
  const { name, end } = questionOf(query);
  const answer = answers.get(name);
  if (answer === 'silent') return;
  const hasAddress = answer !== undefined && query.readUInt16BE(end - 4) === typeA;
  const head = Buffer.alloc(headerBytes);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (answer === undefined ? noSuchName : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(hasAddress ? 1 : 0, 6);
  // A pointer to the name in the question, type A, class IN, no life, four bytes.
  const record = hasAddress
    ? Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, ...answer.split('.').map(Number)])
    : Buffer.alloc(0);
  server.send(Buffer.concat([head, query.subarray(headerBytes, end), record]), from.port, from.address);
});
server.bind(Number(port), host, () => process.stdout.write('listening\n'));
