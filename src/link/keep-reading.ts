// Node stops reading from a session's socket while a write of that session is under way (a guard against
// control-frame floods, which we bound ourselves). Two ends that both send more than the kernel buffers
// then wait for each other for ever, and a connection that is reset meanwhile is not noticed: measured,
// 16 streams with bulk in both directions stop within a second and never go on. There is no public call
// that starts reading again, so this file uses the handle's; link-bulk.test.ts holds if that goes away.

import type { Duplex } from 'node:stream';
import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';

export interface KeepReadingOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  /** Whether any stream has bytes that did not leave yet. */
  readonly hasUnsent: () => boolean;
}

export interface KeepReading {
  /** To be called at every write; cheap. */
  wrote(): void;
  /** Starts reading at once. */
  again(): void;
  stop(): void;
}

export function keepReading({ socket, clock, hasUnsent }: KeepReadingOptions): KeepReading {
  let timer: Timer | undefined;
  const look = (): void => {
    timer = undefined;
    if (socket.destroyed) return;
    startReading(socket);
    // Looked at once more after the last byte left: Node reports a write that failed as one that went.
    if (hasUnsent()) wrote();
  };
  const wrote = (): void => {
    timer ??= clock.setTimer(limits.readAgainMs, look, { ref: false });
  };
  return { wrote, again: () => startReading(socket), stop: () => timer?.cancel() };
}

function startReading(socket: Duplex): void {
  const { _handle: handle } = socket as { readonly _handle?: { readStart?: () => unknown } | null };
  handle?.readStart?.();
}
