// Frames of shell and exec channels. Layout (docs/protocol.md, "Frames"):
//
//   0      1            4
//   +------+------------+------------------+
//   | type | length, BE | payload, 0..64Ki |
//   +------+------------+------------------+
//
// Towards the device: 0x01 stdin, 0x02 end of stdin (empty), 0x03 resize (cols u16, rows u16, BE),
// 0x04 signal (name, ASCII: "INT"). From the device: 0x11 stdout, 0x12 stderr, 0x13 exit (JSON
// {"code":n} or {"signal":"TERM"}). Code points are never reused. The decoder passes payloads on as they
// arrive, in slices of the chunks it was given: it copies nothing and never holds a whole frame.

import { limits } from '../core/limits.ts';

export const frameType = {
  stdin: 0x01,
  stdinEnd: 0x02,
  resize: 0x03,
  signal: 0x04,
  stdout: 0x11,
  stderr: 0x12,
  exit: 0x13,
} as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export const frameHeaderBytes = 4;

const known: ReadonlySet<number> = new Set(Object.values(frameType));
/** Frames whose payload is data: delivered in slices. The others are small and delivered whole. */
const dataFrames: ReadonlySet<number> = new Set([frameType.stdin, frameType.stdout, frameType.stderr]);
const controlMaxBytes = 256;

export function frameHeader(type: FrameType, length: number): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  writeFrameHeader(header, type, length);
  return header;
}

/** For a buffer that the payload is put behind: one write then carries both. */
export function writeFrameHeader(target: Buffer, type: FrameType, length: number): void {
  if (length > limits.frameMaxBytes)
    throw new RangeError(`a frame carries at most ${limits.frameMaxBytes} bytes`);
  target.writeUInt32BE(type * 0x1000000 + length);
}

/** Header and payload as two buffers for one vectored write: the payload is not copied. */
export function* encodeFrames(type: FrameType, payload: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < payload.length; at += limits.frameMaxBytes) {
    const part = payload.subarray(at, at + limits.frameMaxBytes);
    yield frameHeader(type, part.length);
    yield part;
  }
}

export function encodeControl(type: FrameType, payload: Uint8Array = new Uint8Array(0)): Buffer {
  if (payload.length > controlMaxBytes)
    throw new RangeError(`a control frame carries at most ${controlMaxBytes} bytes`);
  return Buffer.concat([frameHeader(type, payload.length), payload]);
}

export function encodeResize(cols: number, rows: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt16BE(cols, 0);
  payload.writeUInt16BE(rows, 2);
  return encodeControl(frameType.resize, payload);
}

export function decodeResize(
  payload: Uint8Array,
): { readonly cols: number; readonly rows: number } | undefined {
  if (payload.length !== 4) return undefined;
  const view = Buffer.from(payload.buffer, payload.byteOffset, 4);
  const cols = view.readUInt16BE(0);
  const rows = view.readUInt16BE(2);
  return cols > 0 && rows > 0 ? { cols, rows } : undefined;
}

/** How the remote process ended. */
export type Exit = { readonly code: number } | { readonly signal: string };

export function encodeExit(exit: Exit): Buffer {
  return encodeControl(frameType.exit, Buffer.from(JSON.stringify(exit)));
}

export function decodeExit(payload: Uint8Array): Exit | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { code, signal } = value as Record<string, unknown>;
    if (typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 255) return { code };
    return typeof signal === 'string' && /^[A-Z0-9]{1,12}$/.test(signal) ? { signal } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

export type FrameSink = (type: FrameType, payload: Uint8Array) => void;

/** A decoder for one direction. `push` throws FrameError on a bad frame; nothing after it is trusted. */
export class FrameDecoder {
  readonly #accepts: ReadonlySet<number>;
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerFill = 0;
  #type: FrameType = frameType.stdin;
  #left = 0;
  #held: Uint8Array[] = [];

  constructor(accepts: readonly FrameType[], sink: FrameSink) {
    this.#accepts = new Set(accepts);
    this.#sink = sink;
  }

  /** Whether the bytes so far end on a frame border. */
  get isAtBorder(): boolean {
    return this.#headerFill === 0;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFill < frameHeaderBytes) {
        this.#header[this.#headerFill++] = chunk[at++] ?? 0;
        if (this.#headerFill === frameHeaderBytes) this.#begin();
        continue;
      }
      const part = chunk.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      this.#deliver(part);
    }
  }

  #begin(): void {
    const type = this.#header[0] ?? 0;
    this.#left = this.#header.readUIntBE(1, 3);
    if (!known.has(type) || !this.#accepts.has(type)) throw new FrameError(`unexpected frame type ${type}`);
    this.#type = type as FrameType;
    const max = dataFrames.has(type) ? limits.frameMaxBytes : controlMaxBytes;
    if (this.#left > max) throw new FrameError(`a frame of ${this.#left} bytes is over the limit of ${max}`);
    if (this.#left === 0) this.#deliver(new Uint8Array(0));
  }

  #deliver(part: Uint8Array): void {
    const isLast = this.#left === 0;
    if (isLast) this.#headerFill = 0;
    if (dataFrames.has(this.#type)) {
      if (part.length > 0) this.#sink(this.#type, part);
      return;
    }
    this.#held.push(part);
    if (!isLast) return;
    const whole = this.#held.length === 1 ? part : Buffer.concat(this.#held);
    this.#held = [];
    this.#sink(this.#type, whole);
  }
}
