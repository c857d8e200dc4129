// Small bodies in one piece: control requests and their answers, and problems. Bounded; a body that was
// cut is an error, never a shorter body.

import { SallyportError } from '../core/errors.ts';
import type { ByteStream } from './byte-stream.ts';

export function readBody(stream: ByteStream, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const stop = stream.listen({
      onData(chunk) {
        length += chunk.length;
        if (length <= maxBytes) {
          chunks.push(chunk);
          return;
        }
        stop();
        reject(new SallyportError('too_large', `a body here has at most ${maxBytes} bytes`));
      },
      onEnd(end) {
        stop();
        if (end.how === 'clean') resolve(Buffer.concat(chunks, length));
        else reject(new SallyportError('unavailable', 'the body was cut off', { cause: end.error }));
      },
    });
  });
}
