// Accepted connections on this machine, each joined to a channel of its own: one session, one connection to
// the gate, any number of channels. One that fails is the end of that one alone. Bounded: beyond
// limits.forwardConnectionsMax they wait, accepted and unread, in the order in which they came.

import type { Socket } from 'node:net';
import { SallyportError } from '../../core/errors.ts';
import { formatHostPort } from '../../core/broker-config.ts';
import { limits } from '../../core/limits.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import type { StartedRequest } from '../../link/client-session.ts';
import { pump, type PumpOutcome } from '../../link/pump.ts';
import { socketStream } from '../../link/socket-stream.ts';
import { OpeningStream } from '../channel/opening-stream.ts';

export type ConnectionEnd =
  | { readonly ended: 'clean' | 'cut'; readonly bytesUp: number; readonly bytesDown: number }
  | { readonly ended: 'refused'; readonly error: SallyportError };

export interface ForwardingOptions {
  /** May throw: the connection is refused then. */
  readonly startChannel: () => StartedRequest;
  readonly onOpened?: (connection: {
    readonly n: number;
    readonly from: string;
    readonly peer: string;
  }) => void;
  readonly onClosed?: (connection: { readonly n: number; readonly from: string } & ConnectionEnd) => void;
  /** Live at once; default limits.forwardConnectionsMax. */
  readonly max?: number;
}

interface Local {
  readonly from: string;
  readonly stream: ByteStream;
}

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #live = new Set<Local>();
  readonly #waiting = new Set<Local>();
  #total = 0;
  #bytes = 0;
  #hasEnded = false;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** Of which `waiting` have no channel yet. */
  get counts(): {
    readonly live: number;
    readonly waiting: number;
    readonly total: number;
    readonly bytes: number;
  } {
    return { live: this.#live.size, waiting: this.#waiting.size, total: this.#total, bytes: this.#bytes };
  }

  /** Takes an accepted connection, paused and unread. */
  take(socket: Socket): void {
    const { remoteAddress = '', remotePort = 0 } = socket;
    const local = {
      from: formatHostPort({ host: remoteAddress, port: remotePort }),
      stream: socketStream(socket),
    };
    if (this.#hasEnded) return local.stream.abort(new Error('the forward has ended'));
    socket.once('close', () => this.#waiting.delete(local));
    if (this.#live.size < (this.#options.max ?? limits.forwardConnectionsMax)) void this.#run(local);
    else this.#waiting.add(local);
  }

  /** Cuts everything at once; what comes later is cut as it comes. */
  end(error: Error): void {
    this.#hasEnded = true;
    for (const { stream } of [...this.#live, ...this.#waiting]) stream.abort(error);
  }

  async #run(local: Local): Promise<void> {
    this.#live.add(local);
    this.#total += 1;
    const n = this.#total;
    const about = { n, from: local.from };
    const end = await this.#join(local, n);
    this.#live.delete(local);
    this.#options.onClosed?.({ ...about, ...end });
    const [next] = this.#waiting;
    if (next === undefined || this.#hasEnded) return;
    this.#waiting.delete(next);
    void this.#run(next);
  }

  async #join({ from, stream }: Local, n: number): Promise<ConnectionEnd> {
    let channel: OpeningStream;
    try {
      channel = new OpeningStream(this.#options.startChannel());
    } catch (error) {
      stream.abort(asSallyportError(error));
      return { ended: 'refused', error: asSallyportError(error) };
    }
    let refusal: unknown;
    channel.opened.then(
      ({ headers }) => this.#options.onOpened?.({ n, from, peer: String(headers['sallyport-peer'] ?? '') }),
      (error: unknown) => {
        refusal = error;
      },
    );
    const outcome = await pump(stream, channel, {
      onBytes: (_way, chunk) => void (this.#bytes += chunk.length),
    });
    return refusal === undefined || this.#hasEnded
      ? { ended: outcome.ended, bytesUp: outcome.bytesAToB, bytesDown: outcome.bytesBToA }
      : endOf(outcome, refusal);
  }
}

/** A client that left before the answer was refused nothing. */
function endOf(outcome: PumpOutcome, refusal: unknown): ConnectionEnd {
  return outcome.by === 'a'
    ? { ended: 'cut', bytesUp: outcome.bytesAToB, bytesDown: 0 }
    : { ended: 'refused', error: asSallyportError(refusal) };
}

function asSallyportError(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  return new SallyportError('internal', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
