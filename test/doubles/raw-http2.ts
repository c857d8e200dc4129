// HTTP/2 frames by hand (RFC 9113, section 4; RFC 7541, section 6.2.2), for peers that do what no library
// does, or as fast as no library does it.

export const frameType = {
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const endStream = 0x1;
export const endHeaders = 0x4;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** :method POST, :scheme http, :path / from the static table, and :authority g, without which it is invalid. */
export const emptyHead = Buffer.from([0x83, 0x86, 0x84, 0x01, 0x01, 0x67]);

export interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream: number;
  readonly payload?: Uint8Array;
}

export function frame({ type, flags = 0, stream, payload = new Uint8Array() }: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

/** A POST with these fields, none of them indexed. */
export function postHead(path: string, fields: Readonly<Record<string, string>>): Buffer {
  const parts = [Buffer.from([0x83, 0x86, 0x01, 0x01, 0x67, 0x04]), text(path)];
  for (const [name, value] of Object.entries(fields)) parts.push(Buffer.from([0]), text(name), text(value));
  return Buffer.concat(parts);
}

/** Length, one byte of it, and octets without Huffman. */
function text(value: string): Buffer {
  if (value.length > 126) throw new RangeError('this encoder writes short fields only');
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

/** Counts the streams that the peer has ended, from the bytes as they come. */
export class EndCounter {
  ended = 0;
  #held = Buffer.alloc(0);

  push(bytes: Uint8Array): void {
    let rest = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const isDataOrHead = (rest[3] ?? 9) <= 1;
      if (isDataOrHead && ((rest[4] ?? 0) & endStream) !== 0) this.ended++;
      rest = rest.subarray(9 + rest.readUIntBE(0, 3));
    }
    this.#held = rest;
  }
}
