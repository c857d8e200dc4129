// One end of a conversation with two byte directions: what the pump joins, and what services on the
// device and the command line read and write. Two bodies: http2-stream.ts (a channel) and
// socket-stream.ts (a plain connection). The promise that matters: an inbound direction that was cut,
// by whatever cause, is never reported as a clean end.

/** Fields that travel with a clean end: "sallyport-exit" of an exec. */
export type Trailers = Readonly<Record<string, string>>;

export type InboundEnd =
  | { readonly how: 'clean'; readonly trailers: Trailers }
  | { readonly how: 'cut'; readonly error: Error | undefined };

/** How each direction ended, once the stream is gone. Outbound `clean`: our end left in full. */
export interface StreamEnd {
  readonly inbound: 'clean' | 'cut';
  readonly outbound: 'clean' | 'cut';
  readonly error: Error | undefined;
}

export interface ByteListener {
  /** The chunk is the listener's until it returns; whoever keeps it longer must not change it. */
  onData(chunk: Uint8Array): void;
  /** Exactly once, after the last chunk. */
  onEnd(end: InboundEnd): void;
  /** What write() refused can go on. */
  onDrain?(): void;
  /** Exactly once, the last call: both directions are over and nothing is held any more. */
  onClose?(end: StreamEnd): void;
}

export interface ByteStream {
  /**
   * Starts the flow to this listener; nothing is read before. One listener at a time. The answer stops
   * it again: inbound bytes then wait for the next listener.
   */
  listen(listener: ByteListener): () => void;
  /** Asks for no more chunks; the peer stops when its window is full. */
  pause(): void;
  resume(): void;
  /** False: the buffer is full, wait for onDrain. After our end, or when the stream is gone, it drops. */
  write(chunk: Uint8Array): boolean;
  /** Ends our direction in full; the other goes on. Twice is once; after abort it does nothing. */
  endClean(trailers?: Trailers): void;
  /** Ends both directions at once, and the peer sees a cut. Twice is once; after the close, nothing. */
  abort(error: Error): void;
  readonly isClosed: boolean;
}
