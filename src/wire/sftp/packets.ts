// Cuts a byte stream into SFTP packets. The caller pulls, so what it has not asked for stays undecoded;
// what is held is one unfinished packet and the chunk under way. A packet that lies within one chunk is a
// slice of it; one that spans chunks is copied once.

import { packetMaxBytes, SftpError } from './codes.ts';

const lengthBytes = 4;

export class PacketReader {
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthFill = 0;
  #packet: Uint8Array | undefined;
  #packetFill = 0;

  /** Whether the bytes so far end on a packet border. */
  get isAtBorder(): boolean {
    return this.#lengthFill === 0 && this.#at === this.#chunk.length;
  }

  /** Only after `next` has answered undefined: one chunk is under way at a time. */
  push(chunk: Uint8Array): void {
    if (this.#at !== this.#chunk.length) throw new RangeError('the chunk before this one has packets left');
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next packet without its length field (type first, never empty), or undefined: push more. */
  next(): Uint8Array | undefined {
    if (this.#packet === undefined) {
      while (this.#lengthFill < lengthBytes && this.#at < this.#chunk.length) {
        this.#length[this.#lengthFill++] = this.#chunk[this.#at++] ?? 0;
      }
      if (this.#lengthFill < lengthBytes) return undefined;
    }
    const length = this.#length.readUInt32BE();
    if (length === 0 || length > packetMaxBytes) {
      throw new SftpError(`a packet of ${length} bytes is outside the limits of 1 to ${packetMaxBytes}`);
    }
    const available = this.#chunk.length - this.#at;
    if (this.#packet === undefined && available >= length) {
      this.#lengthFill = 0;
      this.#at += length;
      return this.#chunk.subarray(this.#at - length, this.#at);
    }
    this.#packet ??= Buffer.allocUnsafe(length);
    const part = this.#chunk.subarray(this.#at, this.#at + length - this.#packetFill);
    this.#packet.set(part, this.#packetFill);
    this.#packetFill += part.length;
    this.#at += part.length;
    if (this.#packetFill < length) return undefined;
    const packet = this.#packet;
    this.#packet = undefined;
    this.#packetFill = 0;
    this.#lengthFill = 0;
    return packet;
  }
}
