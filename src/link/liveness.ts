// Whether the peer still lives (design section 3): a PING after 15 s, dead after 45 s without a byte.
// Any received byte counts, so a busy link never waits for an answer. A peer that vanished without FIN
// (a black hole, a NAT that forgot us) is found this way on both sides.
//
// On a quiet link the peer's own PING and its answers are heard too, and put ours off: both ends together then
// send one in 15 s to 20 s, not two. On a busy one PINGs go on, since they measure the path.

import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  /** Bytes received so far; only whether it changed matters. */
  readonly bytesRead: () => number;
  readonly ping: () => void;
  /** Before each look at the bytes. */
  readonly onLook?: () => void;
  /** Called once, with the watch over. */
  readonly onDead: (silentMs: number) => void;
  readonly pingIntervalMs?: number;
  readonly deadAfterMs?: number;
}

export interface Watch {
  stop(): void;
}

/** Received between two looks, at most, on a link that carries nothing: a PING or two and their records. */
const quietBytes = 1_024;
/** Looks this often per ping: a peer is dead at most 45 s after its last byte, and not before 40 s. */
const looksPerPing = 3;

export function watchLiveness(options: LivenessOptions): Watch {
  const { clock, bytesRead, ping, onDead } = options;
  const { pingIntervalMs = limits.pingIntervalMs, deadAfterMs = limits.peerDeadAfterMs } = options;
  const lookMs = Math.max(1, Math.floor(pingIntervalMs / looksPerPing));
  let seen = bytesRead();
  let lookedAt = clock.bootMs();
  let aliveAt = lookedAt;
  let pingedAt = lookedAt;
  let heardAt = lookedAt;
  let timer: Timer | undefined;

  const look = (): void => {
    options.onLook?.();
    const now = clock.bootMs();
    const bytes = bytesRead();
    if (bytes !== seen) {
      if (bytes - seen <= quietBytes) heardAt = now;
      seen = bytes;
      // The last byte came after the previous look; counting from there errs towards dead in time.
      aliveAt = lookedAt;
    }
    // We were stopped or asleep ourselves: what the peer sent meanwhile lies unread in the kernel. Ask,
    // and judge by what arrives after this.
    const wereAway = now - lookedAt > lookMs + pingIntervalMs;
    if (wereAway) aliveAt = Math.max(aliveAt, now - deadAfterMs + pingIntervalMs);
    lookedAt = now;
    if (now - aliveAt >= deadAfterMs) {
      timer = undefined;
      onDead(now - aliveAt);
      return;
    }
    if (wereAway || now - Math.max(pingedAt, heardAt) >= pingIntervalMs) {
      pingedAt = now;
      ping();
    }
    schedule();
  };
  const schedule = (): void => {
    timer = clock.setTimer(lookMs, look, { ref: false });
  };
  schedule();
  return { stop: () => timer?.cancel() };
}
