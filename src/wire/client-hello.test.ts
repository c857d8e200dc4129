// The ClientHello reader against hellos that Node, OpenSSL and curl really send, against the same cut into
// records and pieces in every way, and against garbage.

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect } from 'node:tls';
import * as fc from 'fast-check';
import { limits } from '../core/limits.ts';
import { ClientHelloReader, readClientHello, type ClientHello } from './client-hello.ts';

/** OpenSSL 3.0: s_client -servername broker.example -alpn sallyport-api,h2 */
const openssl = Buffer.from(
  [
    'FgMBAVIBAAFOAwPLiL7Ul6qKggXj4gB2ac8QibpFGhJq3ERHVbNsBOTdZSBn1vXrJoU/GYXt6OXnnqYSdTOP5kyR',
    'Dccok4QnIHuDwQA+EwITAxMBwCzAMACfzKnMqMyqwCvALwCewCTAKABrwCPAJwBnwArAFAA5wAnAEwAzAJ0AnAA9',
    'ADwANQAvAP8BAADHAAAAEwARAAAOYnJva2VyLmV4YW1wbGUACwAEAwABAgAKABYAFAAdABcAHgAZABgBAAEBAQIB',
    'AwEEACMAAAAQABMAEQ1zYWxseXBvcnQtYXBpAmgyABYAAAAXAAAADQAqACgEAwUDBgMIBwgICAkICggLCAQIBQgG',
    'BAEFAQYBAwMDAQMCBAIFAgYCACsACQgDBAMDAwIDAQAtAAIBAQAzACYAJAAdACC6xREPWPt0Xf0ygeYrOHvK1q3x',
    'YpeKYU3LxDecDliuGw==',
  ].join(''),
  'base64',
);
/** curl 7.88 to an address: no server name, padded. */
const curl = Buffer.from(
  [
    'FgMBAgABAAH8AwN5oAtf03k4PmghpyIMztPpdiMwaH9Bdwjet08S/fnF6SAoLCZwPSn8skg59zow2+FuIw17JiWW',
    'QrI7AI7MtnBk2gA+EwITAxMBwCzAMACfzKnMqMyqwCvALwCewCTAKABrwCPAJwBnwArAFAA5wAnAEwAzAJ0AnAA9',
    'ADwANQAvAP8BAAF1AAsABAMAAQIACgAWABQAHQAXAB4AGQAYAQABAQECAQMBBAAQAA4ADAJoMghodHRwLzEuMQAW',
    'AAAAFwAAADEAAAANACoAKAQDBQMGAwgHCAgICQgKCAsIBAgFCAYEAQUBBgEDAwMBAwIEAgUCBgIAKwAJCAMEAwMD',
    'AgMBAC0AAgEBADMAJgAkAB0AII6RLOtISWF6Xwy8mPPC37S5oPhusJ/R4ECNo60SiA1tABUAxgAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==',
  ].join(''),
  'base64',
);

void test('the hellos of openssl and curl are read', () => {
  assert.deepEqual(readClientHello(openssl), { sni: 'broker.example', alpn: ['sallyport-api', 'h2'] });
  assert.deepEqual(readClientHello(curl), { alpn: ['h2', 'http/1.1'] });
});

void test('the hello of this Node is read, with and without a server name', () => {
  assert.deepEqual(
    readClientHello(nodeHello({ servername: 'GATE.example', ALPNProtocols: ['sallyport-link'] })),
    {
      sni: 'gate.example',
      alpn: ['sallyport-link'],
    },
  );
  assert.deepEqual(readClientHello(nodeHello({})), { alpn: [] });
  assert.deepEqual(readClientHello(nodeHello({ maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' })), {
    alpn: [],
  });
});

void test('L1 a hello that comes byte by byte is read at its last byte, and not before', () => {
  for (const hello of [openssl, curl]) {
    const reader = new ClientHelloReader();
    for (let at = 0; at < hello.length - 1; at++) {
      assert.deepEqual(reader.push(hello.subarray(at, at + 1)), { need: 'more' });
    }
    const answer = reader.push(hello.subarray(-1));
    assert.ok('alpn' in answer);
    assert.deepEqual(Buffer.from(reader.received), hello);
  }
});

void test('L1 a hello cut into records and pieces in any way reads the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 20 }),
      (records, pieces) => {
        const cut = inRecords(openssl.subarray(5), records);
        const { answer, reader } = pushed(cut, pieces);
        assert.deepEqual(answer, { sni: 'broker.example', alpn: ['sallyport-api', 'h2'] });
        assert.deepEqual(Buffer.from(reader.received), cut);
      },
    ),
  );
});

void test('what follows the hello in later records is kept for the TLS server', () => {
  const reader = new ClientHelloReader();
  const both = Buffer.concat([openssl, Buffer.from('1403030001011703030001', 'hex')]);
  assert.ok('alpn' in reader.push(both));
  assert.deepEqual(Buffer.from(reader.received), both);
});

void test('L1 a hello that is too long, or never ends, is a fault at the bound', () => {
  const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xf0]), Buffer.alloc(16_368)]), [1]);
  const { answer, pushes } = pushed(endless, [1]);
  assert.deepEqual(answer, { fault: 'the ClientHello is too long' });
  assert.equal(pushes, limits.clientHelloMaxBytes);
  // The same in one piece, which is complete when it is looked at.
  assert.deepEqual(readClientHello(endless), { fault: 'the ClientHello is too long' });
  // One that only announces it is refused without waiting for it.
  assert.deepEqual(readClientHello(Buffer.from('16030100040100ffff', 'hex')), {
    fault: 'the ClientHello is too long',
  });
});

void test('L1 reading byte by byte copies in proportion to the bytes', (t) => {
  const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xf0]), Buffer.alloc(16_368)]), [1]);
  const set = t.mock.method(Uint8Array.prototype, 'set');
  const { pushes } = pushed(endless, [1]);
  assert.equal(pushes, limits.clientHelloMaxBytes);
  const copied = set.mock.calls.reduce((sum, { arguments: [bytes] }) => sum + bytes.length, 0);
  // Each byte once as it came and once as its message; buffers that double copy at most as much again.
  assert.ok(copied > pushes && copied < 4 * pushes, `${copied} bytes copied for ${pushes}`);
});

void test('L17 a PROXY line is not a ClientHello', () => {
  const line = Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n');
  assert.deepEqual(readClientHello(line), { fault: 'not a TLS handshake' });
  // It shows at the first byte, before there is anything to wait for.
  assert.deepEqual(readClientHello(line.subarray(0, 1)), { fault: 'not a TLS handshake' });
});

void test('L1 what is almost a ClientHello is refused', () => {
  const cases: readonly [string, Buffer][] = [
    ['an empty TLS record', Buffer.from('1603010000', 'hex')],
    ['a TLS record is too long', Buffer.from('1603014001', 'hex')],
    ['not a TLS version', Buffer.from('160201', 'hex')],
    ['not a ClientHello', Buffer.from('160301000402000000', 'hex')],
    ['the ClientHello is malformed', Buffer.from('160301000401000000', 'hex')],
    ['bytes follow the ClientHello in its record', Buffer.from('16030100050100000000', 'hex')],
    ['an extension comes twice', hello(extension(23, ''), extension(23, ''))],
    ['the server name is malformed', hello(extension(0, '0006000003 612062'))],
    ['the server name is malformed', hello(extension(0, '0008000001610000 0162'))],
    ['the server name is malformed', hello(extension(0, ''))],
    ['the ALPN list is malformed', hello(extension(16, '0000'))],
    ['the ALPN list is malformed', hello(extension(16, '000100'))],
    ['the ALPN list is malformed', hello(extension(16, '00030568 32'))],
    ['the ClientHello is malformed', hello('0010 00ff 00')],
  ];
  for (const [fault, bytes] of cases)
    assert.deepEqual(readClientHello(bytes), { fault }, bytes.toString('hex'));
  assert.deepEqual(readClientHello(hello(extension(0, '0006000003612d62'))), { sni: 'a-b', alpn: [] });
});

void test('L1 garbage and damaged hellos never throw, and every cut of a hello asks for more', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => isAnswer(readClientHello(bytes))));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: openssl.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      (at, byte) => {
        const damaged = Buffer.from(openssl);
        damaged[at] = byte;
        return isAnswer(readClientHello(damaged));
      },
    ),
  );
  for (let length = 0; length < openssl.length; length++) {
    assert.deepEqual(readClientHello(openssl.subarray(0, length)), { need: 'more' });
  }
});

function isAnswer(answer: ClientHello): boolean {
  return 'need' in answer || 'fault' in answer || Array.isArray(answer.alpn);
}

/** Pushes `bytes` in pieces of these sizes, over and over, until there is an answer or nothing is left. */
function pushed(bytes: Uint8Array, sizes: readonly number[]) {
  const reader = new ClientHelloReader();
  let answer: ClientHello = { need: 'more' };
  let pushes = 0;
  for (let at = 0; at < bytes.length && 'need' in answer; pushes++) {
    const size = sizes[pushes % sizes.length] ?? 1;
    answer = reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  // Bytes after the answer stay with the socket; here they are the rest of a hello that was cut, so none.
  return { answer, pushes, reader };
}

/** A handshake message as TLS records with fragments of these sizes, over and over. */
function inRecords(message: Uint8Array, sizes: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length;) {
    const fragment = message.subarray(at, at + (sizes[(parts.length / 2) % sizes.length] ?? 1));
    parts.push(Buffer.from([0x16, 3, 1, fragment.length >> 8, fragment.length & 255]), Buffer.from(fragment));
    at += fragment.length;
  }
  return Buffer.concat(parts);
}

/** A whole hello with these extensions, in hex. */
function hello(...extensions: readonly string[]): Buffer {
  const list = extensions.join('').replaceAll(' ', '');
  const body = `0303${'00'.repeat(32)}00000213010100${uint16(list.length / 2)}${list}`;
  return inRecords(Buffer.from(`0100${uint16(body.length / 2)}${body}`, 'hex'), [16_000]);
}

function extension(type: number, data: string): string {
  const hex = data.replaceAll(' ', '');
  return `${uint16(type)}${uint16(hex.length / 2)}${hex}`;
}

function uint16(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** What this Node's TLS writes first, caught by a stream in memory. */
function nodeHello(options: object): Buffer {
  const written: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  const socket = connect({ socket: wire, rejectUnauthorized: false, ...options });
  socket.on('error', () => {});
  socket.destroy();
  return Buffer.concat(written);
}
