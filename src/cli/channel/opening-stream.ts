// A channel that was asked for and not answered yet, as a stream that may be written at once: what a client
// says first travels with the question instead of a round trip behind the answer. Nothing is read from it
// before the yes; a no is its cut, with the words as the error.

import type { ByteListener, ByteStream, Trailers } from '../../link/byte-stream.ts';
import { readProblem, type Answer, type StartedRequest } from '../../link/client-session.ts';

export class OpeningStream implements ByteStream {
  /** Rejects with the no. Handled here, so that nobody has to look. */
  readonly opened: Promise<Answer>;
  readonly #stream: ByteStream;

  constructor({ stream, answer }: StartedRequest) {
    this.#stream = stream;
    this.opened = requireYes(answer);
    this.opened.catch((error: unknown) => stream.abort(asError(error)));
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  listen(listener: ByteListener): () => void {
    let hasStopped = false;
    let stop = (): void => {
      hasStopped = true;
    };
    this.opened.then(
      () => {
        if (hasStopped) return;
        stop = this.#stream.listen(listener);
        // Room that was made before there was anybody to tell.
        listener.onDrain?.();
      },
      (reason: unknown) => {
        if (hasStopped) return;
        const error = asError(reason);
        listener.onEnd({ how: 'cut', error });
        listener.onClose?.({ inbound: 'cut', outbound: 'cut', error });
      },
    );
    return () => stop();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  write(chunk: Uint8Array): boolean {
    return this.#stream.write(chunk);
  }

  endClean(trailers?: Trailers): void {
    this.#stream.endClean(trailers);
  }

  abort(error: Error): void {
    this.#stream.abort(error);
  }
}

async function requireYes(answer: Promise<Answer>): Promise<Answer> {
  const given = await answer;
  if (given.status !== 200) throw await readProblem(given);
  return given;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the channel was refused', { cause: reason });
}
