// SFTP replies, both directions of the codec. DATA can be sent without copying: read the file into a
// buffer behind `dataHeadBytes` of room, then `writeDataHead`. What EXTENDED_REPLY carries depends on the
// request, so its bodies have their own two functions each.

import { handleMaxBytes, packetType, SftpError, type StatusCode } from './codes.ts';
import { FieldReader, FieldWriter, type SftpAttrs } from './fields.ts';

export interface NameEntry {
  readonly name: Uint8Array;
  /** One line as of `ls -l`: for people, never parsed. */
  readonly longName: Uint8Array;
  readonly attrs: SftpAttrs;
}

export interface VersionReply {
  readonly type: 'version';
  readonly version: number;
  /** Name to data, as the server announced them. */
  readonly extensions: ReadonlyMap<string, string>;
}

export type NumberedReply =
  | { readonly type: 'status'; readonly id: number; readonly code: number; readonly message: string }
  | { readonly type: 'handle'; readonly id: number; readonly handle: Uint8Array }
  | { readonly type: 'data'; readonly id: number; readonly data: Uint8Array }
  | { readonly type: 'name'; readonly id: number; readonly entries: readonly NameEntry[] }
  | { readonly type: 'attrs'; readonly id: number; readonly attrs: SftpAttrs }
  | { readonly type: 'extendedReply'; readonly id: number; readonly data: Uint8Array };

export type SftpReply = VersionReply | NumberedReply;

/** Length field, type, id, and the length of the data. */
export const dataHeadBytes = 13;

export function encodeReply(reply: SftpReply): Buffer {
  switch (reply.type) {
    case 'version': {
      const writer = new FieldWriter(packetType.version).u32(reply.version);
      for (const [name, data] of reply.extensions) writer.string(name).string(data);
      return writer.packet();
    }
    case 'status':
      return numbered(packetType.status, reply).u32(reply.code).string(reply.message).string('').packet();
    case 'handle':
      return numbered(packetType.handle, reply).string(reply.handle).packet();
    case 'data':
      return numbered(packetType.data, reply).string(reply.data).packet();
    case 'name': {
      const writer = numbered(packetType.name, reply).u32(reply.entries.length);
      for (const { name, longName, attrs } of reply.entries) {
        writer.string(name).string(longName).attrs(attrs);
      }
      return writer.packet();
    }
    case 'attrs':
      return numbered(packetType.attrs, reply).attrs(reply.attrs).packet();
    case 'extendedReply':
      return numbered(packetType.extendedReply, reply).raw(reply.data).packet();
    default:
      return reply satisfies never;
  }
}

export function status(id: number, code: StatusCode, message: string): NumberedReply {
  return { type: 'status', id, code, message };
}

/** Writes the head of a DATA packet whose `length` bytes already stand behind it. */
export function writeDataHead(target: Buffer, id: number, length: number): void {
  target.writeUInt32BE(dataHeadBytes - 4 + length, 0);
  target[4] = packetType.data;
  target.writeUInt32BE(id, 5);
  target.writeUInt32BE(length, 9);
}

/** Decodes what PacketReader gave. Bytes are slices of it. Throws SftpError. */
export function decodeReply(packet: Uint8Array): SftpReply {
  const reader = new FieldReader(packet, 1);
  const code = packet[0] ?? 0;
  if (code === packetType.version) return decodeVersion(reader);
  const reply = decodeNumbered(code, reader.u32(), reader);
  if (!reader.isAtEnd) throw new SftpError(`a packet of type ${code} is longer than its fields`);
  return reply;
}

function decodeVersion(reader: FieldReader): VersionReply {
  const version = reader.u32();
  const extensions = new Map<string, string>();
  while (!reader.isAtEnd) extensions.set(reader.text(), reader.text());
  return { type: 'version', version, extensions };
}

function decodeNumbered(type: number, id: number, reader: FieldReader): NumberedReply {
  switch (type) {
    case packetType.status: {
      const code = reader.u32();
      // Servers from before version 3 was finished leave the words out.
      if (reader.isAtEnd) return { type: 'status', id, code, message: '' };
      const message = reader.text();
      reader.string();
      return { type: 'status', id, code, message };
    }
    case packetType.handle:
      return { type: 'handle', id, handle: reader.string(handleMaxBytes) };
    case packetType.data:
      return { type: 'data', id, data: reader.string() };
    case packetType.name: {
      const count = reader.u32();
      const entries: NameEntry[] = [];
      for (let left = count; left > 0; left--) {
        entries.push({ name: reader.string(), longName: reader.string(), attrs: reader.attrs() });
      }
      return { type: 'name', id, entries };
    }
    case packetType.attrs:
      return { type: 'attrs', id, attrs: reader.attrs() };
    case packetType.extendedReply:
      return { type: 'extendedReply', id, data: reader.rest() };
    default:
      throw new SftpError(`a reply of the unknown type ${type}`);
  }
}

/** What one side takes at most. Zero means: not said. */
export interface SftpLimits {
  readonly packetBytes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly openHandles: number;
}

export function encodeLimits(id: number, limits: SftpLimits): Buffer {
  return numbered(packetType.extendedReply, { id })
    .u64(limits.packetBytes)
    .u64(limits.readBytes)
    .u64(limits.writeBytes)
    .u64(limits.openHandles)
    .packet();
}

/** The body of the reply to `limits`. */
export function decodeLimits(data: Uint8Array): SftpLimits {
  const reader = new FieldReader(data, 0);
  return {
    packetBytes: reader.u64(),
    readBytes: reader.u64(),
    writeBytes: reader.u64(),
    openHandles: reader.u64(),
  };
}

export interface HashedRange {
  readonly hash: Uint8Array;
  /** How many bytes were hashed: fewer than asked when the file ends before. */
  readonly bytes: number;
}

export function encodeHashed(id: number, { hash, bytes }: HashedRange): Buffer {
  return numbered(packetType.extendedReply, { id }).string(hash).u64(bytes).packet();
}

/** The body of the reply to `sha256`. */
export function decodeHashed(data: Uint8Array): HashedRange {
  const reader = new FieldReader(data, 0);
  const hash = reader.string(32);
  if (hash.length !== 32) throw new SftpError('a SHA-256 has 32 bytes');
  return { hash, bytes: reader.u64() };
}

function numbered(code: number, { id }: { readonly id: number }): FieldWriter {
  return new FieldWriter(code).u32(id);
}
