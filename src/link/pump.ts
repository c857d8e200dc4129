// The pump between any two byte streams, the only one there is: both directions, half-close kept,
// trailers carried from a clean end to the other side, backpressure awaited, an abort on either side told
// to the other. Chunks pass through untouched: no copy, no concat, no stream.pipeline (which turns an
// early end into an error and destroys without a code).

import type { ByteStream, InboundEnd, StreamEnd, Trailers } from './byte-stream.ts';

export type Direction = 'aToB' | 'bToA';
type Side = 'a' | 'b';

export interface PumpOptions {
  /** Cuts both streams. */
  readonly signal?: AbortSignal;
  /** Called with every chunk before it is passed on: idle timers and counters stand on it. */
  readonly onBytes?: (direction: Direction, chunk: Uint8Array) => void;
}

export interface PumpOutcome {
  /** `clean` only when both directions ended clean and left in full. */
  readonly ended: 'clean' | 'cut';
  /** Who cut it. */
  readonly by?: Side | 'signal';
  readonly error?: Error;
  readonly bytesAToB: number;
  readonly bytesBToA: number;
  readonly trailersFromA?: Trailers;
  readonly trailersFromB?: Trailers;
}

export function pump(a: ByteStream, b: ByteStream, options: PumpOptions = {}): Promise<PumpOutcome> {
  const { signal, onBytes } = options;
  return new Promise((resolve) => {
    const bytes = { a: 0, b: 0 };
    const trailers: { a?: Trailers; b?: Trailers } = {};
    let cutBy: { readonly by: Side | 'signal'; readonly error: Error } | undefined;
    let left = 2;

    const cut = (by: Side | 'signal', error: Error): void => {
      if (cutBy !== undefined) return;
      cutBy = { by, error };
      a.abort(error);
      b.abort(error);
    };

    const join = (side: Side, source: ByteStream, sink: ByteStream, direction: Direction): void => {
      source.listen({
        onData(chunk) {
          bytes[side] += chunk.length;
          onBytes?.(direction, chunk);
          if (!sink.write(chunk)) source.pause();
        },
        onEnd(end: InboundEnd) {
          if (end.how === 'cut') return cut(side, end.error ?? new Error('the stream was cut'));
          trailers[side] = end.trailers;
          sink.endClean(end.trailers);
        },
        // Room on this stream is for the other one's bytes.
        onDrain: () => sink.resume(),
        onClose(end: StreamEnd) {
          if (end.outbound === 'cut') cut(side, end.error ?? new Error('the stream was cut'));
          if (--left === 0) finish();
        },
      });
    };

    const onAbort = (): void => cut('signal', asError(signal?.reason));
    const finish = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve({
        ended: cutBy === undefined ? 'clean' : 'cut',
        ...(cutBy === undefined ? {} : cutBy),
        bytesAToB: bytes.a,
        bytesBToA: bytes.b,
        ...(trailers.a === undefined ? {} : { trailersFromA: trailers.a }),
        ...(trailers.b === undefined ? {} : { trailersFromB: trailers.b }),
      });
    };

    join('a', a, b, 'aToB');
    join('b', b, a, 'bToA');
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the pump was told to stop', { cause: reason });
}
