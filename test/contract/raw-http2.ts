// A hand-made HTTP/2 peer for hostile tests: writes any frame, well-formed or not, over a socket, and
// does nothing else of its own (RFC 9113 section 4.1 for the frame head, RFC 7541 for the literals).

import type { Duplex } from 'node:stream';

export const frame = {
  data: 0x0,
  headers: 0x1,
  rstStream: 0x3,
  settings: 0x4,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Uint8Array;
}

export function encodeFrame({ type, flags = 0, stream = 0, payload = new Uint8Array(0) }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal header field without indexing; name and value shorter than 127 bytes, not Huffman-coded. */
export function field(name: string, value: string): Buffer {
  const bytes = (text: string): Buffer => Buffer.from([text.length, ...Buffer.from(text, 'latin1')]);
  return Buffer.concat([Buffer.from([0x00]), bytes(name), bytes(value)]);
}

/** The head of a POST as one header block. */
export const postHead = Buffer.concat([
  field(':method', 'POST'),
  field(':scheme', 'http'),
  field(':authority', 'peer'),
  field(':path', '/'),
]);

export function u32(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => buffer.writeUInt32BE(value, at * 4));
  return buffer;
}

export function setting(id: number, value: number): Buffer {
  const buffer = Buffer.alloc(6);
  buffer.writeUInt16BE(id, 0);
  buffer.writeUInt32BE(value, 2);
  return buffer;
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export class RawPeer {
  readonly #socket: Duplex;
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve());
      socket.once('end', () => {
        socket.destroy();
        resolve();
      });
      socket.once('error', () => resolve());
    });
    socket.resume();
  }

  /** Client preface and the SETTINGS given. */
  begin(settings: Uint8Array = new Uint8Array(0)): void {
    this.#socket.write(preface);
    this.send({ type: frame.settings, payload: settings });
    this.send({ type: frame.settings, flags: flag.ack });
  }

  send(...frames: readonly Frame[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(frames.map(encodeFrame)));
  }

  /** Sends batches, as fast as they leave, until the other side closes; fails after `max` of them. */
  async flood(batch: (round: number) => readonly Frame[], max: number): Promise<void> {
    for (let round = 0; round < max; round++) {
      if (this.#socket.destroyed) return;
      const hasRoom = this.#socket.write(Buffer.concat(batch(round).map(encodeFrame)));
      if (hasRoom) await new Promise((resolve) => setImmediate(resolve));
      else await Promise.race([new Promise((resolve) => this.#socket.once('drain', resolve)), this.closed]);
    }
    throw new Error(`the flood was let through: ${max} batches`);
  }
}
