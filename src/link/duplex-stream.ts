// What the two bodies of ByteStream share: a Node Duplex turned into calls in a fixed order (data, end,
// close), each end reported once. How an end is recognised and how one is made differs and is handed in.

import type { Duplex } from 'node:stream';
import type { ByteListener, ByteStream, InboundEnd, StreamEnd, Trailers } from './byte-stream.ts';

export interface Endings {
  /** Asked when the Duplex reports 'end': the trailers of a clean end, undefined if it was a cut. */
  inboundTrailers(): Trailers | undefined;
  /** Asked when the Duplex is closed: whether our clean end left in full. */
  outboundLeft(): boolean;
  end(trailers: Trailers): void;
  abort(error: Error): void;
  /** Told of every write. */
  readonly onWrite?: () => void;
  /** Told of every chunk that came, with its length. */
  readonly onRead?: (bytes: number) => void;
  /** How many unsent bytes it may hold before its source is paused; absent = as many as Node says. */
  readonly room?: () => number;
}

export class DuplexStream implements ByteStream {
  readonly #duplex: Duplex;
  readonly #endings: Endings;
  #listener: ByteListener | undefined;
  #inbound: InboundEnd | undefined;
  #closed: StreamEnd | undefined;
  #error: Error | undefined;
  #isEndTold = false;
  #isCloseTold = false;
  #hasEnded = false;
  #hasAborted = false;

  constructor(duplex: Duplex, endings: Endings) {
    this.#duplex = duplex;
    this.#endings = endings;
    // INVARIANT: readableFlowing is false, never null, before a listener comes: a server-side http2
    // stream that nobody reads and that is null would be emptied by Node, and then end as if read.
    duplex.pause();
    duplex.on('end', () => {
      const trailers = endings.inboundTrailers();
      this.#endInbound(
        trailers === undefined ? { how: 'cut', error: this.#error } : { how: 'clean', trailers },
      );
    });
    duplex.on('error', (error: Error) => {
      this.#error ??= error;
    });
    duplex.once('close', () => this.#close());
    if (duplex.closed) this.#close();
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  listen(listener: ByteListener): () => void {
    if (this.#listener !== undefined) throw new Error('a stream has one listener at a time');
    this.#listener = listener;
    const { onRead } = this.#endings;
    const onData = (chunk: Uint8Array): void => {
      onRead?.(chunk.length);
      listener.onData(chunk);
    };
    const onDrain = (): void => listener.onDrain?.();
    this.#duplex.on('data', onData);
    this.#duplex.on('drain', onDrain);
    this.#duplex.resume();
    // What happened before anybody listened is told, but never inside listen() itself.
    if (this.#inbound !== undefined) process.nextTick(() => this.#tell());
    return () => {
      if (this.#listener !== listener) return;
      this.#listener = undefined;
      this.#duplex.off('data', onData);
      this.#duplex.off('drain', onDrain);
      this.#duplex.pause();
    };
  }

  pause(): void {
    this.#duplex.pause();
  }

  resume(): void {
    this.#duplex.resume();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#hasEnded || this.#duplex.destroyed || this.#duplex.writableEnded) return true;
    this.#endings.onWrite?.();
    // 'drain' comes all the same, since Node's own answer was no.
    return this.#duplex.write(chunk) || this.#duplex.writableLength < (this.#endings.room?.() ?? 0);
  }

  endClean(trailers: Trailers = {}): void {
    if (this.#hasEnded || this.#hasAborted || this.#duplex.destroyed || this.#duplex.writableEnded) return;
    this.#hasEnded = true;
    this.#endings.end(trailers);
  }

  abort(error: Error): void {
    if (this.#hasAborted || this.#closed !== undefined) return;
    this.#hasAborted = true;
    this.#error ??= error;
    this.#endings.abort(error);
  }

  #endInbound(end: InboundEnd): void {
    if (this.#inbound !== undefined) return;
    this.#inbound = end;
    this.#tell();
  }

  #close(): void {
    if (this.#closed !== undefined) return;
    this.#inbound ??= { how: 'cut', error: this.#error };
    const isOut = this.#hasEnded && !this.#hasAborted && this.#endings.outboundLeft();
    this.#closed = {
      inbound: this.#inbound.how,
      outbound: isOut ? 'clean' : 'cut',
      error: this.#error,
    };
    this.#tell();
  }

  #tell(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    if (this.#inbound !== undefined && !this.#isEndTold) {
      this.#isEndTold = true;
      listener.onEnd(this.#inbound);
    }
    if (this.#closed !== undefined && !this.#isCloseTold) {
      this.#isCloseTold = true;
      listener.onClose?.(this.#closed);
    }
  }
}
