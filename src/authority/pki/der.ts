// The least of DER (X.690) that reading a certificate request takes: tag, definite minimal length,
// content. It does not recurse and allocates nothing, so strange bytes can only be refused. And the least that
// writing one small extension takes.

export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content: what a signature covers. */
  readonly whole: Buffer;
  /** What follows the element. */
  readonly rest: Buffer;
}

export const derTag = { integer: 0x02, bitString: 0x03, sequence: 0x30, context0: 0xa0 } as const;

/** The first element, when it has this tag; undefined when it has not, or is not DER. */
export function readDer(bytes: Buffer, tag: number): DerElement | undefined {
  if (bytes.length < 2 || bytes[0] !== tag) return undefined;
  const first = bytes[1] ?? 0;
  // 0x80 is BER's open end; more than two length bytes is more than any request is allowed to have.
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 2 || bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  const isMinimal = lengthBytes === 0 || length >= (lengthBytes === 1 ? 0x80 : 0x100);
  const start = 2 + lengthBytes;
  const end = start + length;
  if (!isMinimal || end > bytes.length) return undefined;
  return {
    tag,
    content: bytes.subarray(start, end),
    whole: bytes.subarray(0, end),
    rest: bytes.subarray(end),
  };
}

/** The content of a bit string of whole octets. */
export function octetsOf(bitString: DerElement): Buffer | undefined {
  return bitString.content[0] === 0 ? bitString.content.subarray(1) : undefined;
}

/** Contents under 128 bytes, which is all that is written here. */
export function writeDer(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length > 0x7f) throw new RangeError('a DER element of over 127 bytes');
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}
