// The frames of one channel on one side, the process's own streams on the other; backpressure all ways.
// Payloads pass through as the slices that arrived: nothing is copied. What a signal, a key or a resize
// means is the caller's (run-channel.ts).

import type { Writable } from 'node:stream';
import type { ByteStream, InboundEnd } from '../../link/byte-stream.ts';
import {
  decodeExit,
  encodeControl,
  encodeResize,
  FrameDecoder,
  frameHeader,
  frameType,
  type Exit,
  type FrameType,
} from '../../wire/frames.ts';
import { limits } from '../../core/limits.ts';

export type ChannelEnd =
  | { readonly how: 'exit'; readonly exit: Exit }
  /** The stream was cut, or its frames made no sense. */
  | { readonly how: 'cut'; readonly error: Error | undefined };

/**
 * What may wait for a slow reader before the device is told to stop. Larger than a pipe, so that a fast
 * reader is never waited for; the stream's own window (1 MiB) comes on top.
 */
const outputHighWaterBytes = 1024 * 1024;

export interface Outputs {
  readonly out: Writable;
  readonly err: Writable;
}

export class Exchange {
  readonly ended: Promise<ChannelEnd>;
  readonly #stream: ByteStream;
  readonly #outputs: Outputs;
  readonly #full = new Set<Writable>();
  readonly #decoder: FrameDecoder;
  readonly #finish: (end: ChannelEnd) => void;
  #exit: Exit | undefined;
  #inbound: InboundEnd | undefined;
  #onRoom: (() => void) | undefined;

  constructor(stream: ByteStream, outputs: Outputs) {
    this.#stream = stream;
    this.#outputs = outputs;
    let finish: (end: ChannelEnd) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      finish = resolve;
    });
    this.#finish = finish;
    this.#decoder = new FrameDecoder([frameType.stdout, frameType.stderr, frameType.exit], (type, payload) =>
      this.#receive(type, payload),
    );
    stream.listen({
      onData: (chunk) => this.#push(chunk),
      onEnd: (end) => this.#endInbound(end),
      onDrain: () => this.#makeRoom(),
      onClose: () => this.#finish(this.#outcome()),
    });
  }

  /** False: wait for room before sending more. */
  sendInput(bytes: Uint8Array): boolean {
    let hasRoom = true;
    for (let at = 0; at < bytes.length; at += limits.frameMaxBytes) {
      const part = bytes.subarray(at, at + limits.frameMaxBytes);
      this.#stream.write(frameHeader(frameType.stdin, part.length));
      hasRoom = this.#stream.write(part);
    }
    return hasRoom;
  }

  /** Called once, when sendInput may go on. */
  onRoom(run: () => void): void {
    this.#onRoom = run;
  }

  endInput(): void {
    this.#stream.write(encodeControl(frameType.stdinEnd));
  }

  resize(size: { readonly cols: number; readonly rows: number }): void {
    this.#stream.write(encodeResize(size.cols, size.rows));
  }

  interrupt(): void {
    this.#stream.write(encodeControl(frameType.signal, Buffer.from('INT')));
  }

  abort(error: Error): void {
    this.#stream.abort(error);
  }

  #push(chunk: Uint8Array): void {
    const { out, err } = this.#outputs;
    // One chunk may hold many frames: corked, they leave in one write.
    out.cork();
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.#stream.abort(error instanceof Error ? error : new Error('a bad frame', { cause: error }));
      return;
    } finally {
      out.uncork();
    }
    this.#waitFor(out);
    this.#waitFor(err);
  }

  #receive(type: FrameType, payload: Uint8Array): void {
    if (type === frameType.stdout) this.#outputs.out.write(payload);
    else if (type === frameType.stderr) this.#outputs.err.write(payload);
    else {
      this.#exit = decodeExit(payload);
      if (this.#exit === undefined) throw new Error('the exit frame says nothing that can be understood');
    }
  }

  #waitFor(output: Writable): void {
    if (output.writableLength < outputHighWaterBytes || this.#full.has(output)) return;
    this.#full.add(output);
    this.#stream.pause();
    output.once('drain', () => {
      this.#full.delete(output);
      if (this.#full.size === 0) this.#stream.resume();
    });
  }

  #makeRoom(): void {
    const run = this.#onRoom;
    this.#onRoom = undefined;
    run?.();
  }

  #endInbound(end: InboundEnd): void {
    this.#inbound = end;
    // Our direction ends in full too: the gate then knows that nothing was cut.
    if (end.how === 'clean' && this.#exit !== undefined) this.#stream.endClean();
    else this.#stream.abort(new Error('the channel was cut'));
  }

  #outcome(): ChannelEnd {
    // An exit that is not followed by a clean end was not the end that the device meant.
    if (this.#inbound?.how === 'clean' && this.#exit !== undefined) return { how: 'exit', exit: this.#exit };
    return { how: 'cut', error: this.#inbound?.how === 'cut' ? this.#inbound.error : undefined };
  }
}
