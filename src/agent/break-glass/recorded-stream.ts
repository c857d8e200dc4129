// A terminal's channel with its recording in the way: what the device sends is handed on once it is written down,
// and nothing is when it cannot be. Looks into the frames, changes none. A unix socket cannot say that it was cut: whoever
// ends it before the shell has ended is gone.

import { limits } from '../../core/limits.ts';
import type { ByteListener, ByteStream } from '../../link/byte-stream.ts';
import { decodeResize, FrameDecoder, frameType, type FrameSink } from '../../wire/frames.ts';
import type { Recording } from './recording.ts';

export class RecordedStream implements ByteStream {
  readonly #inner: ByteStream;
  readonly #recording: Recording;
  readonly #fromDevice: FrameDecoder;
  #listener: ByteListener | undefined;
  #written: Promise<void> = Promise.resolve();
  #held = 0;
  #isWaitedFor = false;
  #hasExited = false;
  #hasFailed = false;

  constructor(inner: ByteStream, recording: Recording) {
    this.#inner = inner;
    this.#recording = recording;
    const types = [frameType.stdout, frameType.stderr, frameType.exit];
    this.#fromDevice = new FrameDecoder(types, (type, payload) => {
      if (type === frameType.exit) this.#hasExited = true;
      else this.#record(async () => await recording.shown(payload));
    });
  }

  /** The shell ended by itself, and said how. */
  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** What was shown could not be written down. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get isClosed(): boolean {
    return this.#inner.isClosed;
  }

  /** Everything that was handed over is written, or has failed. */
  async settled(): Promise<void> {
    await this.#written;
  }

  listen(listener: ByteListener): () => void {
    this.#listener = listener;
    const resizes = new FrameDecoder(towardsDevice, this.#noteResize);
    let isReadable = true;
    return this.#inner.listen({
      ...listener,
      onData: (chunk) => {
        try {
          if (isReadable) resizes.push(chunk);
        } catch {
          // The listener reads the same bytes, and refuses them in words.
          isReadable = false;
        }
        listener.onData(chunk);
      },
      onEnd: (end) => listener.onEnd(this.#hasExited ? end : { how: 'cut', error: undefined }),
      onDrain: () => this.#drain(),
      onClose: (end) => listener.onClose?.(end),
    });
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  /** One or more whole frames. */
  write(chunk: Uint8Array): boolean {
    this.#fromDevice.push(chunk);
    this.#held += chunk.length;
    this.#record(() => {
      this.#held -= chunk.length;
      if (this.#inner.write(chunk)) this.#drain();
    });
    const hasRoom = this.#held < limits.onSiteHeldBytes;
    if (!hasRoom) this.#isWaitedFor = true;
    return hasRoom;
  }

  endClean(): void {
    this.#record(() => this.#inner.endClean());
  }

  abort(error: Error): void {
    this.#inner.abort(error);
  }

  readonly #noteResize: FrameSink = (type, payload) => {
    const size = type === frameType.resize ? decodeResize(payload) : undefined;
    if (size !== undefined) this.#record(async () => await this.#recording.resized(size.cols, size.rows));
  };

  /** In turn, each after what came before it. The first that fails is the end. */
  #record(step: () => void | Promise<void>): void {
    this.#written = this.#written.then(async () => {
      if (this.#hasFailed) return;
      try {
        await step();
      } catch (error) {
        this.#hasFailed = true;
        this.#inner.abort(error instanceof Error ? error : new Error('not recorded', { cause: error }));
      }
    });
  }

  #drain(): void {
    if (!this.#isWaitedFor || this.#held >= limits.onSiteHeldBytes) return;
    this.#isWaitedFor = false;
    this.#listener?.onDrain?.();
  }
}

const towardsDevice = [frameType.stdin, frameType.stdinEnd, frameType.resize, frameType.signal];
