// SFTP requests, both directions of the codec. A type or extension that is not known decodes to itself,
// so that the server can refuse it by id instead of ending the channel; fields that do not fit, or stand
// behind the last one, are an SftpError.

import { extension, handleMaxBytes, packetType, SftpError } from './codes.ts';
import { FieldReader, FieldWriter, type SftpAttrs } from './fields.ts';

export type PathRequestType = 'lstat' | 'stat' | 'opendir' | 'rmdir' | 'remove' | 'realpath' | 'readlink';
export type HandleRequestType = 'close' | 'fstat' | 'readdir';

export interface InitRequest {
  readonly type: 'init';
  readonly version: number;
}

interface Numbered {
  readonly id: number;
}
interface OnHandle extends Numbered {
  readonly handle: Uint8Array;
}
interface OnPath extends Numbered {
  readonly path: Uint8Array;
}
interface OnTwoPaths extends Numbered {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export type NumberedRequest =
  | (OnPath & { readonly type: PathRequestType })
  | (OnHandle & { readonly type: HandleRequestType | 'fsync' })
  | (OnPath & { readonly type: 'open'; readonly flags: number; readonly attrs: SftpAttrs })
  | (OnPath & { readonly type: 'setstat' | 'mkdir'; readonly attrs: SftpAttrs })
  | (OnHandle & { readonly type: 'fsetstat'; readonly attrs: SftpAttrs })
  | (OnHandle & { readonly type: 'read'; readonly offset: number; readonly length: number })
  | (OnHandle & { readonly type: 'write'; readonly offset: number; readonly data: Uint8Array })
  | (OnHandle & { readonly type: 'sha256'; readonly offset: number; readonly length: number })
  | (OnTwoPaths & { readonly type: 'rename' | 'posixRename' })
  /** In the order that OpenSSH sends, which is not the draft's: what the link says, then where it stands. */
  | (Numbered & { readonly type: 'symlink'; readonly target: Uint8Array; readonly link: Uint8Array })
  | (Numbered & { readonly type: 'limits' })
  | (Numbered & { readonly type: 'extended'; readonly name: string; readonly data: Uint8Array })
  | (Numbered & { readonly type: 'unknown'; readonly code: number });

export type SftpRequest = InitRequest | NumberedRequest;

const pathTypes: Readonly<Record<PathRequestType, number>> = {
  lstat: packetType.lstat,
  stat: packetType.stat,
  opendir: packetType.opendir,
  rmdir: packetType.rmdir,
  remove: packetType.remove,
  realpath: packetType.realpath,
  readlink: packetType.readlink,
};
const handleTypes: Readonly<Record<HandleRequestType, number>> = {
  close: packetType.close,
  fstat: packetType.fstat,
  readdir: packetType.readdir,
};
const pathCodes = new Map(entries(pathTypes));
const handleCodes = new Map(entries(handleTypes));

export function encodeRequest(request: SftpRequest): Buffer {
  switch (request.type) {
    case 'init':
      return new FieldWriter(packetType.init).u32(request.version).packet();
    case 'open':
      return numbered(packetType.open, request)
        .string(request.path)
        .u32(request.flags)
        .attrs(request.attrs)
        .packet();
    case 'close':
    case 'fstat':
    case 'readdir':
      return numbered(handleTypes[request.type], request).string(request.handle).packet();
    case 'read':
      return numbered(packetType.read, request)
        .string(request.handle)
        .u64(request.offset)
        .u32(request.length)
        .packet();
    case 'write':
      return Buffer.concat([encodeWriteHead({ ...request, length: request.data.length }), request.data]);
    case 'lstat':
    case 'stat':
    case 'opendir':
    case 'rmdir':
    case 'remove':
    case 'realpath':
    case 'readlink':
      return numbered(pathTypes[request.type], request).string(request.path).packet();
    case 'setstat':
    case 'mkdir':
      return numbered(packetType[request.type], request).string(request.path).attrs(request.attrs).packet();
    case 'fsetstat':
      return numbered(packetType.fsetstat, request).string(request.handle).attrs(request.attrs).packet();
    case 'rename':
      return numbered(packetType.rename, request).string(request.from).string(request.to).packet();
    case 'symlink':
      return numbered(packetType.symlink, request).string(request.target).string(request.link).packet();
    case 'posixRename':
      return extended(extension.posixRename, request).string(request.from).string(request.to).packet();
    case 'fsync':
      return extended(extension.fsync, request).string(request.handle).packet();
    case 'limits':
      return extended(extension.limits, request).packet();
    case 'sha256':
      return extended(extension.sha256, request)
        .string(request.handle)
        .u64(request.offset)
        .u64(request.length)
        .packet();
    case 'extended':
      return extended(request.name, request).raw(request.data).packet();
    case 'unknown':
      return numbered(request.code, request).packet();
    default:
      return request satisfies never;
  }
}

/** The WRITE packet up to its data; `length` bytes of data follow in the caller's next write, uncopied. */
export function encodeWriteHead(write: {
  readonly id: number;
  readonly handle: Uint8Array;
  readonly offset: number;
  readonly length: number;
}): Buffer {
  return numbered(packetType.write, write)
    .string(write.handle)
    .u64(write.offset)
    .u32(write.length)
    .packet(write.length);
}

/** Decodes what PacketReader gave. `path`, `handle` and `data` are slices of it. Throws SftpError. */
export function decodeRequest(packet: Uint8Array): SftpRequest {
  const reader = new FieldReader(packet, 1);
  const code = packet[0] ?? 0;
  if (code === packetType.init) {
    const version = reader.u32();
    // Extensions of the client may follow; version 3 defines none.
    return { type: 'init', version };
  }
  const id = reader.u32();
  const request = decodeNumbered(code, id, reader);
  if (!reader.isAtEnd) throw new SftpError(`a packet of type ${code} is longer than its fields`);
  return request;
}

function decodeNumbered(code: number, id: number, reader: FieldReader): NumberedRequest {
  const pathType = pathCodes.get(code);
  if (pathType !== undefined) return { type: pathType, id, path: reader.string() };
  const handleType = handleCodes.get(code);
  if (handleType !== undefined) return { type: handleType, id, handle: handle(reader) };
  switch (code) {
    case packetType.open:
      return { type: 'open', id, path: reader.string(), flags: reader.u32(), attrs: reader.attrs() };
    case packetType.read:
      return { type: 'read', id, handle: handle(reader), offset: reader.u64(), length: reader.u32() };
    case packetType.write:
      return { type: 'write', id, handle: handle(reader), offset: reader.u64(), data: reader.string() };
    case packetType.setstat:
      return { type: 'setstat', id, path: reader.string(), attrs: reader.attrs() };
    case packetType.mkdir:
      return { type: 'mkdir', id, path: reader.string(), attrs: reader.attrs() };
    case packetType.fsetstat:
      return { type: 'fsetstat', id, handle: handle(reader), attrs: reader.attrs() };
    case packetType.rename:
      return { type: 'rename', id, from: reader.string(), to: reader.string() };
    case packetType.symlink:
      return { type: 'symlink', id, target: reader.string(), link: reader.string() };
    case packetType.extended:
      return decodeExtended(reader.text(), id, reader);
    default:
      reader.rest();
      return { type: 'unknown', id, code };
  }
}

function decodeExtended(name: string, id: number, reader: FieldReader): NumberedRequest {
  switch (name) {
    case extension.posixRename:
      return { type: 'posixRename', id, from: reader.string(), to: reader.string() };
    case extension.fsync:
      return { type: 'fsync', id, handle: handle(reader) };
    case extension.limits:
      return { type: 'limits', id };
    case extension.sha256:
      return { type: 'sha256', id, handle: handle(reader), offset: reader.u64(), length: reader.u64() };
    default:
      return { type: 'extended', id, name, data: reader.rest() };
  }
}

function handle(reader: FieldReader): Uint8Array {
  return reader.string(handleMaxBytes);
}

function numbered(code: number, { id }: { readonly id: number }): FieldWriter {
  return new FieldWriter(code).u32(id);
}

function extended(name: string, request: { readonly id: number }): FieldWriter {
  return numbered(packetType.extended, request).string(name);
}

function entries<T extends string>(codes: Readonly<Record<T, number>>): readonly (readonly [number, T])[] {
  return (Object.keys(codes) as T[]).map((type) => [codes[type], type] as const);
}
