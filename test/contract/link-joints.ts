// What the pump joins, for tests: an inner stream (the pump's) with its outer end (the peer's), of every
// kind. HTTP/2 kinds share one TLS session until a run destroys it, as channels share a link.

import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { ClientSession } from '../../src/link/client-session.ts';
import { RateBudget } from '../../src/link/rate-budget.ts';
import { serveSession, type ServedSession } from '../../src/link/served-session.ts';
import { openLinkClient } from '../../src/link/session.ts';
import { socketStream } from '../../src/link/socket-stream.ts';
import { tcpPair, tlsPair, type Credentials, type TlsPair } from './link-ends.ts';

export const kinds = ['h2 client', 'h2 server', 'socket'] as const;
/** Named by what the pump's side is. */
export type Kind = (typeof kinds)[number];

export interface Joint {
  readonly inner: ByteStream;
  readonly outer: ByteStream;
  /** Destroys what is below, without a word. */
  breakBelow(): void;
}

interface Wire {
  readonly pair: TlsPair;
  readonly client: ClientSession;
  readonly served: ServedSession;
  readonly arrivals: Map<string, (stream: ByteStream) => void>;
}

/** Resets without bound: the tests reset more than any peer may. */
export function anyResets(): RateBudget {
  return new RateBudget({ burst: Infinity, perSecond: 0, now: () => 0 });
}

export class Joints {
  readonly #credentials: Credentials;
  #wire: Promise<Wire> | undefined;
  #next = 0;
  readonly #all: Wire[] = [];

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  async make(kind: Kind): Promise<Joint> {
    if (kind === 'socket') {
      const { dialled, accepted } = await tcpPair();
      return {
        inner: socketStream(accepted),
        outer: socketStream(dialled),
        breakBelow: () => accepted.resetAndDestroy(),
      };
    }
    const wire = await this.#liveWire();
    const id = `/${this.#next++}`;
    const arrived = new Promise<ByteStream>((resolve) => wire.arrivals.set(id, resolve));
    const { stream } = await wire.client.request({ path: id });
    const served = await arrived;
    const breakBelow = (): void => void wire.pair.below.accepted.resetAndDestroy();
    return kind === 'h2 client'
      ? { inner: stream, outer: served, breakBelow }
      : { inner: served, outer: stream, breakBelow };
  }

  /** Streams still held by any session, live or gone. */
  get streamsLeft(): number {
    return this.#all.reduce((sum, wire) => sum + wire.client.openStreams + wire.served.openStreams, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.flatMap(({ client, served }) => [client.close(), served.closed]));
  }

  async #liveWire(): Promise<Wire> {
    const wire = await this.#wire;
    if (wire?.client.isOpen === true && wire.served.isOpen) return wire;
    this.#wire = this.#open();
    return this.#wire;
  }

  async #open(): Promise<Wire> {
    const pair = await tlsPair(this.#credentials);
    const arrivals = new Map<string, (stream: ByteStream) => void>();
    const served = serveSession(pair.dialled, {
      resets: anyResets(),
      handler(request) {
        arrivals.get(request.path)?.(request.accept());
        arrivals.delete(request.path);
      },
    });
    const wire: Wire = { pair, client: openLinkClient(pair.accepted), served, arrivals };
    this.#all.push(wire);
    return wire;
  }
}
