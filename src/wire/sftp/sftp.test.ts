import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dataMaxBytes, extension, packetMaxBytes, packetType, SftpError } from './codes.ts';
import { FieldReader, FieldWriter, type SftpAttrs } from './fields.ts';
import { PacketReader } from './packets.ts';
import {
  dataHeadBytes,
  decodeHashed,
  decodeLimits,
  decodeReply,
  encodeHashed,
  encodeLimits,
  encodeReply,
  writeDataHead,
  type SftpReply,
} from './replies.ts';
import { decodeRequest, encodeRequest, encodeWriteHead, type SftpRequest } from './requests.ts';

const id = fc.integer({ min: 0, max: 0xffffffff });
const u32 = id;
const u64 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const path = fc.uint8Array({ maxLength: 40 });
const handle = fc.uint8Array({ maxLength: 256, size: 'small' });
const data = fc.uint8Array({ maxLength: 300 });
const attrs: fc.Arbitrary<SftpAttrs> = fc
  .tuple(
    fc.option(fc.record({ size: u64 }), { nil: {} }),
    fc.option(fc.record({ uid: u32, gid: u32 }), { nil: {} }),
    fc.option(fc.record({ permissions: u32 }), { nil: {} }),
    fc.option(fc.record({ atime: u32, mtime: u32 }), { nil: {} }),
  )
  .map((parts) => Object.assign({}, ...parts) as SftpAttrs);

const request: fc.Arbitrary<SftpRequest> = fc.oneof(
  fc.record({ type: fc.constant('init' as const), version: u32 }),
  fc.record({
    type: fc.constantFrom(
      ...(['lstat', 'stat', 'opendir', 'rmdir', 'remove', 'realpath', 'readlink'] as const),
    ),
    id,
    path,
  }),
  fc.record({ type: fc.constantFrom(...(['close', 'fstat', 'readdir', 'fsync'] as const)), id, handle }),
  fc.record({ type: fc.constant('open' as const), id, path, flags: u32, attrs }),
  fc.record({ type: fc.constantFrom(...(['setstat', 'mkdir'] as const)), id, path, attrs }),
  fc.record({ type: fc.constant('fsetstat' as const), id, handle, attrs }),
  fc.record({ type: fc.constant('read' as const), id, handle, offset: u64, length: u32 }),
  fc.record({ type: fc.constant('sha256' as const), id, handle, offset: u64, length: u64 }),
  fc.record({ type: fc.constant('write' as const), id, handle, offset: u64, data }),
  fc.record({ type: fc.constantFrom(...(['rename', 'posixRename'] as const)), id, from: path, to: path }),
  fc.record({ type: fc.constant('symlink' as const), id, target: path, link: path }),
  fc.record({ type: fc.constant('limits' as const), id }),
  fc.record({
    type: fc.constant('extended' as const),
    id,
    name: fc.constantFrom('statvfs@openssh.com', ''),
    data,
  }),
);

const reply: fc.Arbitrary<SftpReply> = fc.oneof(
  fc.record({
    type: fc.constant('version' as const),
    version: u32,
    extensions: fc
      .dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { noNullPrototype: true })
      .map((pairs) => new Map(Object.entries(pairs))),
  }),
  fc.record({
    type: fc.constant('status' as const),
    id,
    code: u32,
    message: fc.string({ unit: 'grapheme' }),
  }),
  fc.record({ type: fc.constant('handle' as const), id, handle }),
  fc.record({ type: fc.constantFrom(...(['data', 'extendedReply'] as const)), id, data }),
  fc.record({
    type: fc.constant('name' as const),
    id,
    entries: fc.array(fc.record({ name: path, longName: path, attrs }), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant('attrs' as const), id, attrs }),
);

/** Buffers compare as their bytes, whichever class they come in. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (value instanceof Map) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function cut(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const reader = new PacketReader();
  const packets: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) packets.push(packet);
  }
  return packets;
}

function pieces(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  parts.push(bytes.subarray(at));
  return parts;
}

test('every request reads back as it was written', () => {
  fc.assert(
    fc.property(request, (value) => {
      assert.deepEqual(plain(decodeRequest(encodeRequest(value).subarray(4))), plain(value));
    }),
  );
});

test('every reply reads back as it was written', () => {
  fc.assert(
    fc.property(reply, (value) => {
      assert.deepEqual(plain(decodeReply(encodeReply(value).subarray(4))), plain(value));
    }),
  );
});

test('however the bytes are cut, the same packets come out', () => {
  fc.assert(
    fc.property(
      fc.array(request, { maxLength: 8 }),
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 }),
      (requests, sizes) => {
        const bytes = Buffer.concat(requests.map(encodeRequest));
        assert.deepEqual(
          cut(pieces(bytes, sizes)).map((packet) => plain(decodeRequest(packet))),
          requests.map(plain),
        );
      },
    ),
  );
});

function fitsOrSftpError(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof SftpError, String(error));
  }
}

test('whatever the bytes, decoding gives a message or SftpError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.boolean(), (bytes, hasKnownType) => {
      const types = Object.values(packetType);
      if (hasKnownType) bytes[0] = types[(bytes[0] ?? 0) % types.length] ?? 0;
      fitsOrSftpError(() => decodeRequest(bytes));
      fitsOrSftpError(() => decodeReply(bytes));
      fitsOrSftpError(() => decodeLimits(bytes));
      fitsOrSftpError(() => decodeHashed(bytes));
      fitsOrSftpError(() => cut([bytes]));
    }),
    { numRuns: 1_000 },
  );
});

test('a good packet with one byte changed or cut off gives a message or SftpError', () => {
  fc.assert(
    fc.property(request, reply, fc.nat(), fc.nat({ max: 255 }), (ask, answer, at, byte) => {
      for (const [packet, decode] of [
        [encodeRequest(ask).subarray(4), decodeRequest],
        [encodeReply(answer).subarray(4), decodeReply],
      ] as const) {
        const length = 1 + (at % packet.length);
        fitsOrSftpError(() => decode(packet.subarray(0, length)));
        packet[at % packet.length] = byte;
        fitsOrSftpError(() => decode(packet));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a packet outside its bounds is refused by its length alone', () => {
  const length = Buffer.alloc(4);
  for (const bad of [0, packetMaxBytes + 1, 0xffffffff]) {
    length.writeUInt32BE(bad);
    assert.throws(() => cut([length]), SftpError, String(bad));
  }
  length.writeUInt32BE(packetMaxBytes);
  assert.deepEqual(cut([length]), []);
});

test('a packet within one chunk is not copied, and its data is a slice of it', () => {
  const chunk = encodeRequest({
    type: 'write',
    id: 1,
    handle: Buffer.from('h'),
    offset: 0,
    data: Buffer.from('body'),
  });
  const packet = cut([chunk])[0] ?? assert.fail();
  const decoded = decodeRequest(packet);
  assert.ok(decoded.type === 'write');
  assert.equal(decoded.data.buffer, chunk.buffer);
});

test('the largest data fits into the largest packet, with the longest handle', () => {
  const write = { id: 1, handle: Buffer.alloc(256), offset: 0 };
  const head = encodeWriteHead({ ...write, length: dataMaxBytes });
  assert.ok(head.length - 4 + dataMaxBytes <= packetMaxBytes);
  const body = Buffer.alloc(dataMaxBytes, 7);
  const whole = encodeRequest({ type: 'write', ...write, data: body });
  assert.deepEqual(Buffer.concat([head, body]), whole);
  const data = Buffer.alloc(dataHeadBytes + 3, 'x');
  writeDataHead(data, 9, 3);
  assert.deepEqual(data, encodeReply({ type: 'data', id: 9, data: Buffer.from('xxx') }));
});

test('fields behind the last one, and handles over their bound, are refused', () => {
  const close = encodeRequest({ type: 'close', id: 1, handle: Buffer.from('h') }).subarray(4);
  assert.throws(() => decodeRequest(Buffer.concat([close, Buffer.of(0)])), SftpError);
  const long = encodeRequest({ type: 'close', id: 1, handle: Buffer.alloc(257) }).subarray(4);
  assert.throws(() => decodeRequest(long), SftpError);
  const beyond = new FieldWriter(packetType.read).u32(1).string('h').u32(0x200000).u32(0).u32(1).packet();
  assert.throws(() => decodeRequest(beyond.subarray(4)), SftpError);
});

test('a request of an unknown type keeps its id, so that it can be refused alone', () => {
  const packet = new FieldWriter(99).u32(7).raw(Buffer.from('whatever')).packet();
  assert.deepEqual(decodeRequest(packet.subarray(4)), { type: 'unknown', id: 7, code: 99 });
});

test('attributes of which only extended pairs are unknown are read past them', () => {
  const bytes = new FieldWriter(packetType.attrs)
    .u32(1)
    .u32(0x80000004)
    .u32(0o100644)
    .u32(1)
    .string('a@b')
    .string('c')
    .packet();
  assert.deepEqual(decodeReply(bytes.subarray(4)), {
    type: 'attrs',
    id: 1,
    attrs: { permissions: 0o100644 },
  });
  assert.equal(new FieldReader(bytes, bytes.length).isAtEnd, true);
});

test('the bodies of extended replies read back', () => {
  const limits = { packetBytes: packetMaxBytes, readBytes: dataMaxBytes, writeBytes: 1, openHandles: 0 };
  assert.deepEqual(decodeLimits(encodeLimits(1, limits).subarray(9)), limits);
  const hashed = { hash: Buffer.alloc(32, 5), bytes: 5 * 2 ** 40 };
  assert.deepEqual(plain(decodeHashed(encodeHashed(1, hashed).subarray(9))), plain(hashed));
});

// Bytes in the order in which OpenSSH 9.2 puts them on its wire.
const vectors: readonly (readonly [string, string, SftpRequest])[] = [
  ['init', '00000005 01 00000003', { type: 'init', version: 3 }],
  [
    'open to write',
    '00000017 03 00000005 00000002 2f61 0000001a 00000004 000081a4',
    { type: 'open', id: 5, path: Buffer.from('/a'), flags: 0x1a, attrs: { permissions: 0o100644 } },
  ],
  [
    'read',
    '00000019 05 00000006 00000004 00000000 0000000000040000 00008000',
    { type: 'read', id: 6, handle: Buffer.alloc(4), offset: 262_144, length: 32_768 },
  ],
  [
    'posix-rename',
    `0000002b c8 00000007 00000018 ${Buffer.from(extension.posixRename).toString('hex')} 00000001 61 00000001 62`,
    { type: 'posixRename', id: 7, from: Buffer.from('a'), to: Buffer.from('b') },
  ],
];

for (const [name, text, value] of vectors) {
  test(`vector: ${name}`, () => {
    const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex');
    assert.equal(encodeRequest(value).toString('hex'), bytes.toString('hex'));
    assert.deepEqual(
      cut([bytes]).map((packet) => plain(decodeRequest(packet))),
      [plain(value)],
    );
  });
}
