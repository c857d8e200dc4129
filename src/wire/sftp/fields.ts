// The fields of SFTP packets: integers big endian, strings as length and bytes, attributes as flags and
// what they announce. Names and handles stay bytes, since names on a device need not be UTF-8. Slices
// point into the packet they were read from: what outlives the packet is copied by whoever keeps it.

import { SftpError } from './codes.ts';

/** File attributes; what is absent was not said. Times in seconds, permissions with the file type's bits. */
export interface SftpAttrs {
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly permissions?: number;
  readonly atime?: number;
  readonly mtime?: number;
}

const attrFlag = { size: 0x01, owner: 0x02, permissions: 0x04, times: 0x08, extended: 0x80000000 } as const;
const attrsMaxBytes = 32;

export class FieldReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(packet: Uint8Array, at: number) {
    this.#bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  /** Offsets and sizes: beyond 2^53 no file reaches. */
  u64(): number {
    const at = this.#advance(8);
    const value = this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4);
    if (!Number.isSafeInteger(value)) throw new SftpError('an offset or size is beyond 2^53');
    return value;
  }

  string(maxBytes = Number.POSITIVE_INFINITY): Uint8Array {
    const length = this.u32();
    if (length > maxBytes)
      throw new SftpError(`a string of ${length} bytes is over the limit of ${maxBytes}`);
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    return Buffer.from(this.string()).toString('utf8');
  }

  attrs(): SftpAttrs {
    const flags = this.u32();
    const size = flags & attrFlag.size ? { size: this.u64() } : {};
    const owner = flags & attrFlag.owner ? { uid: this.u32(), gid: this.u32() } : {};
    const permissions = flags & attrFlag.permissions ? { permissions: this.u32() } : {};
    const times = flags & attrFlag.times ? { atime: this.u32(), mtime: this.u32() } : {};
    if (flags & attrFlag.extended) {
      // Pairs of name and value that nobody here understands: read over, as the draft asks.
      for (let left = this.u32(); left > 0; left--) {
        this.string();
        this.string();
      }
    }
    return { ...size, ...owner, ...permissions, ...times };
  }

  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#at);
    this.#at = this.#bytes.length;
    return rest;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new SftpError('a packet ends inside a field');
    this.#at = at + count;
    return at;
  }
}

/** Grows as it is written; `packet` puts the length in front. */
export class FieldWriter {
  #bytes = Buffer.allocUnsafe(128);
  #fill = 4;

  constructor(type: number) {
    this.#bytes[this.#fill++] = type;
  }

  u32(value: number): this {
    this.#room(4);
    this.#fill = this.#bytes.writeUInt32BE(value, this.#fill);
    return this;
  }

  u64(value: number): this {
    return this.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  string(value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return this.u32(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#fill);
    this.#fill += bytes.length;
    return this;
  }

  /** The format has one flag for both owners and one for both times, so half of a pair cannot be said. */
  attrs({ size, uid, gid, permissions, atime, mtime }: SftpAttrs): this {
    const hasOwner = uid !== undefined && gid !== undefined;
    const hasTimes = atime !== undefined && mtime !== undefined;
    this.#room(attrsMaxBytes);
    this.u32(
      (size === undefined ? 0 : attrFlag.size) |
        (hasOwner ? attrFlag.owner : 0) |
        (permissions === undefined ? 0 : attrFlag.permissions) |
        (hasTimes ? attrFlag.times : 0),
    );
    if (size !== undefined) this.u64(size);
    if (hasOwner) this.u32(uid).u32(gid);
    if (permissions !== undefined) this.u32(permissions);
    if (hasTimes) this.u32(atime).u32(mtime);
    return this;
  }

  /** The whole packet. `following` counts bytes that the caller sends right behind it. */
  packet(following = 0): Buffer {
    this.#bytes.writeUInt32BE(this.#fill - 4 + following, 0);
    return this.#bytes.subarray(0, this.#fill);
  }

  #room(count: number): void {
    if (this.#fill + count <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#fill + count));
    this.#bytes.copy(bytes, 0, 0, this.#fill);
    this.#bytes = bytes;
  }
}
