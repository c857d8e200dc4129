// Reads the first message of a TLS connection far enough to route it: server name and ALPN (RFC 8446,
// sections 4.1.2 and 5.1; RFC 6066, section 3; RFC 7301, section 3.1). Nothing here is trusted or decided: the TLS
// server that the connection is routed to reads the same bytes again. Pure; garbage is a fault, never an
// exception. What is not exactly a ClientHello is refused, because a front door that guesses can be made to
// route a connection elsewhere than its TLS server would.
//
//   record    = 0x16 0x03 minor(1) length(2, 1..16384) fragment
//   handshake = 0x01 length(3) body, cut over one or more records, ending where a record ends
//   body      = version(2) random(32) session_id<1> cipher_suites<2> compression<1> extensions<2>

import { limits } from '../core/limits.ts';

export type ClientHello =
  | { readonly need: 'more' }
  | { readonly sni?: string; readonly alpn: readonly string[] }
  | { readonly fault: string };

const recordHeader = 5;
const recordMaxBytes = 16_384;
const handshakeHeader = 4;
const more: ClientHello = { need: 'more' };
const tooLong: ClientHello = { fault: 'the ClientHello is too long' };

/** Reads all the bytes that came so far, at once. */
export function readClientHello(bytes: Uint8Array): ClientHello {
  return new ClientHelloReader().push(bytes);
}

/**
 * Reads bytes as they come, each once: however a peer cuts its hello into pieces, the work is linear.
 * After an answer other than `need`, nothing may be pushed.
 */
export class ClientHelloReader {
  /** Everything received, for whoever ends the TLS. */
  #raw = new Uint8Array(512);
  #rawLength = 0;
  /** The handshake message without record headers; never longer than what was received. */
  #message = new Uint8Array(512);
  #messageLength = 0;
  /** Where in #raw the current record's header starts, and how much of its fragment is taken. */
  #recordAt = 0;
  #taken = 0;

  /** What was received so far. */
  get received(): Uint8Array {
    return this.#raw.subarray(0, this.#rawLength);
  }

  push(bytes: Uint8Array): ClientHello {
    this.#raw = appended(this.#raw, this.#rawLength, bytes);
    this.#rawLength += bytes.length;
    const answer = this.#advance();
    // More may follow a complete hello in the same read: only the hello itself is bounded.
    return answer === more && this.#rawLength >= limits.clientHelloMaxBytes ? tooLong : answer;
  }

  #advance(): ClientHello {
    for (;;) {
      const at = this.#recordAt;
      const header = this.#raw.subarray(at, Math.min(at + recordHeader, this.#rawLength));
      const fault = recordFault(header);
      if (fault !== undefined) return { fault };
      if (header.length < recordHeader) return more;
      const fragmentAt = at + recordHeader;
      const fragmentEnd = fragmentAt + uint16(header, 3);
      const fresh = this.#raw.subarray(fragmentAt + this.#taken, Math.min(fragmentEnd, this.#rawLength));
      this.#message = appended(this.#message, this.#messageLength, fresh);
      this.#messageLength += fresh.length;
      this.#taken += fresh.length;
      if (this.#messageLength > 0 && this.#message[0] !== 1) return { fault: 'not a ClientHello' };
      const length = this.#expectedLength();
      if (length > limits.clientHelloMaxBytes) return tooLong;
      if (this.#messageLength > length) return { fault: 'bytes follow the ClientHello in its record' };
      if (fragmentAt + this.#taken < fragmentEnd) return more;
      // A hello cut into tiny records is mostly record headers: those count too.
      if (fragmentEnd > limits.clientHelloMaxBytes) return tooLong;
      if (this.#messageLength === length) return readBody(this.#message.subarray(handshakeHeader, length));
      this.#recordAt = fragmentEnd;
      this.#taken = 0;
    }
  }

  /** Of the message with its header; while that is incomplete, one byte more than there is. */
  #expectedLength(): number {
    if (this.#messageLength < handshakeHeader) return this.#messageLength + 1;
    const [, high = 0, middle = 0, low = 0] = this.#message;
    return handshakeHeader + ((high << 16) | (middle << 8) | low);
  }
}

/** `header` may be the first bytes of one: what is wrong is told as soon as it shows. */
function recordFault(header: Uint8Array): string | undefined {
  const [type = 0x16, major = 3, minor = 1] = header;
  if (type !== 0x16) return 'not a TLS handshake';
  // Every version since SSL 3.0 says 3; the minor number is legacy and means nothing (RFC 8446, 5.1).
  if (major !== 3 || minor > 4) return 'not a TLS version';
  if (header.length < recordHeader) return undefined;
  const length = uint16(header, 3);
  if (length === 0) return 'an empty TLS record';
  return length > recordMaxBytes ? 'a TLS record is too long' : undefined;
}

function readBody(body: Uint8Array): ClientHello {
  const input = new Cursor(body);
  input.skip(2 + 32);
  input.vector(1);
  input.vector(2);
  input.vector(1);
  // A hello without extensions is TLS 1.2 or older: readable, and refused by the TLS server.
  const extensions = input.isDone ? new Uint8Array() : input.vector(2);
  if (input.isShort || !input.isDone) return malformed;
  return readExtensions(new Cursor(extensions));
}

function readExtensions(input: Cursor): ClientHello {
  const seen = new Set<number>();
  let sni: string | undefined;
  let alpn: readonly string[] = [];
  while (!input.isDone) {
    const type = input.uint(2);
    const data = new Cursor(input.vector(2));
    if (input.isShort) return malformed;
    if (seen.has(type)) return { fault: 'an extension comes twice' };
    seen.add(type);
    if (type === 0) {
      sni = readServerName(data);
      if (sni === undefined) return { fault: 'the server name is malformed' };
    } else if (type === 16) {
      const names = readAlpn(data);
      if (names === undefined) return { fault: 'the ALPN list is malformed' };
      alpn = names;
    }
  }
  return sni === undefined ? { alpn } : { sni, alpn };
}

const malformed: ClientHello = { fault: 'the ClientHello is malformed' };
const hostNamePattern = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;

/** One host name, lower case (RFC 6066 allows one entry of each type, and there is only this type). */
function readServerName(data: Cursor): string | undefined {
  const list = new Cursor(data.vector(2));
  const type = list.uint(1);
  const name = latin1(list.vector(2)).toLowerCase();
  const isWhole = data.isDone && !data.isShort && list.isDone && !list.isShort;
  return isWhole && type === 0 && hostNamePattern.test(name) ? name : undefined;
}

function readAlpn(data: Cursor): readonly string[] | undefined {
  const list = new Cursor(data.vector(2));
  if (data.isShort || !data.isDone || list.isDone) return undefined;
  const names: string[] = [];
  while (!list.isDone) {
    const name = list.vector(1);
    if (list.isShort || name.length === 0) return undefined;
    names.push(latin1(name));
  }
  return names;
}

/** Walks length-prefixed data. A read past the end yields nothing and sets isShort, for ever. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  isShort = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skip(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) {
      this.isShort = true;
      this.#at = this.#bytes.length;
      return new Uint8Array();
    }
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  uint(size: 1 | 2): number {
    const [first = 0, second = 0] = this.skip(size);
    return size === 1 ? first : (first << 8) | second;
  }

  /** Data with its length in front, in `size` bytes. */
  vector(size: 1 | 2): Uint8Array {
    return this.skip(this.uint(size));
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** `bytes` written behind the first `length` bytes of `buffer`, in a larger copy where it is full. */
function appended(
  buffer: Uint8Array<ArrayBuffer>,
  length: number,
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const needed = length + bytes.length;
  const target = needed <= buffer.length ? buffer : new Uint8Array(Math.max(needed, buffer.length * 2));
  if (target !== buffer) target.set(buffer.subarray(0, length));
  target.set(bytes, length);
  return target;
}
