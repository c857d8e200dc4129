// The bytes of a shell or exec channel, device side: frames out with backpressure, frames in handed to the
// process, and the end of both told once. The process is behind `Frames`; nothing here knows what it is.

import type { ByteStream, InboundEnd } from '../../link/byte-stream.ts';
import {
  decodeResize,
  encodeExit,
  FrameDecoder,
  frameHeaderBytes,
  frameType,
  writeFrameHeader,
  type Exit,
} from '../../wire/frames.ts';
import { limits } from '../../core/limits.ts';

export interface FrameInput {
  /** False: hold back until `resumeInput`. */
  onStdin(payload: Uint8Array): boolean;
  onStdinEnd(): void;
  onResize(cols: number, rows: number): void;
  onSignal(signal: NodeJS.Signals): void;
  /** The channel was cut, or spoke what it must not: the process has nobody left. */
  onCut(): void;
  /** Room for output again. */
  onDrain(): void;
}

/** RFC 4254's names that make sense to send, and what job control needs. A closed list. */
const signals: ReadonlyMap<string, NodeJS.Signals> = new Map(
  (['ABRT', 'ALRM', 'CONT', 'HUP', 'INT', 'KILL', 'QUIT', 'TERM', 'TSTP', 'USR1', 'USR2'] as const).map(
    (name) => [name, `SIG${name}` as NodeJS.Signals],
  ),
);

const towardsDevice = [frameType.stdin, frameType.stdinEnd, frameType.resize, frameType.signal];

export class FrameChannel {
  readonly closed: Promise<void>;
  readonly #stream: ByteStream;
  readonly #input: FrameInput;
  readonly #onBytes: (count: number) => void;
  #isOver = false;
  #isStdinEnded = false;

  constructor(stream: ByteStream, input: FrameInput, onBytes: (count: number) => void) {
    this.#stream = stream;
    this.#input = input;
    this.#onBytes = onBytes;
    const decoder = new FrameDecoder(towardsDevice, (type, payload) => this.#take(type, payload));
    this.closed = new Promise((resolve) => {
      stream.listen({
        onData: (chunk) => {
          try {
            if (!this.#isOver) decoder.push(chunk);
          } catch (error) {
            this.#refuse(error);
          }
        },
        onEnd: (end: InboundEnd) => this.#end(end, decoder.isAtBorder),
        onDrain: () => input.onDrain(),
        onClose: () => {
          this.#cut();
          resolve();
        },
      });
    });
  }

  /** False: the peer is behind; hold back until `onDrain`. */
  send(type: typeof frameType.stdout | typeof frameType.stderr, payload: Uint8Array): boolean {
    this.#onBytes(payload.length);
    let hasRoom = true;
    for (let at = 0; at < payload.length; at += limits.frameMaxBytes) {
      const part = payload.subarray(at, at + limits.frameMaxBytes);
      // One buffer for header and payload: the copy costs less than a write of four bytes of its own.
      const frame = Buffer.allocUnsafe(frameHeaderBytes + part.length);
      writeFrameHeader(frame, type, part.length);
      frame.set(part, frameHeaderBytes);
      hasRoom = this.#stream.write(frame);
    }
    return hasRoom;
  }

  /** Says how the process ended, and ends our direction. */
  finish(exit: Exit): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.write(encodeExit(exit));
    this.#stream.endClean({ 'sallyport-exit': JSON.stringify(exit) });
    // What still comes in has no taker, and must not stand in the way of the close.
    this.#stream.resume();
  }

  resumeInput(): void {
    this.#stream.resume();
  }

  #take(type: number, payload: Uint8Array): void {
    switch (type) {
      case frameType.stdin:
        this.#onBytes(payload.length);
        if (!this.#input.onStdin(payload)) this.#stream.pause();
        return;
      case frameType.stdinEnd:
        return this.#endStdin();
      case frameType.resize: {
        const size = decodeResize(payload);
        if (size === undefined) throw new Error('a resize frame holds two numbers above 0');
        return this.#input.onResize(size.cols, size.rows);
      }
      case frameType.signal: {
        const signal = signals.get(Buffer.from(payload).toString('latin1'));
        if (signal === undefined) throw new Error('the signal is not one of those that may be sent');
        return this.#input.onSignal(signal);
      }
      default:
        throw new Error('the frame is not one towards the device');
    }
  }

  #end(end: InboundEnd, isWhole: boolean): void {
    if (this.#isOver) return;
    if (end.how === 'clean' && isWhole) this.#endStdin();
    else this.#refuse(new Error('the channel was cut'));
  }

  /** By the frame or by the end of the direction, whichever comes first. */
  #endStdin(): void {
    if (this.#isStdinEnded) return;
    this.#isStdinEnded = true;
    this.#input.onStdinEnd();
  }

  #refuse(error: unknown): void {
    this.#cut();
    this.#stream.abort(error instanceof Error ? error : new Error('the channel broke', { cause: error }));
  }

  #cut(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#input.onCut();
  }
}
