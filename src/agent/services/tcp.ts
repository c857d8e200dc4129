// tcp: one connection from this device to one checked destination, its bytes as they are, both directions
// with their own end. The connection stands before the operator hears a yes, so that a refusal is told as one.

import type { TcpParams } from '../../core/channel.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { pump } from '../../link/pump.ts';
import { abortSocket, socketStream } from '../../link/socket-stream.ts';
import { dial, type Dialled, type DialOptions } from './dial.ts';
import type { RunningService } from './service.ts';

export async function startTcp(params: TcpParams, options: DialOptions): Promise<RunningService> {
  return new Tcp(await dial(params, options));
}

class Tcp implements RunningService {
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly #dialled: Dialled;
  readonly #target: ByteStream;
  #hasEnded = false;

  constructor(dialled: Dialled) {
    this.#dialled = dialled;
    this.#target = socketStream(dialled.socket);
    this.answerHeaders = { 'sallyport-peer': dialled.peer };
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async join(stream: ByteStream, onBytes: (count: number) => void): Promise<void> {
    await pump(stream, this.#target, { onBytes: (_direction, chunk) => onBytes(chunk.length) });
    this.#hasEnded = true;
  }

  hangUp(): void {
    abortSocket(this.#dialled.socket, new Error('the channel was cut'));
  }
}
