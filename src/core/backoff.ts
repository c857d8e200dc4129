// When to dial again (design section 3): full jitter, so that a thousand agents that lost the same gate
// do not come back in one second; growing from 1 s to 60 s; reset once a link was stable for 30 s; and a
// gate that says "come back between a and b" is believed, within bounds. Pure.

import { limits } from './limits.ts';

/** Dials in a row that did not lead to a stable link. */
export interface Backoff {
  readonly failures: number;
}

/** What a gate asks for when it sends its links away. */
export interface ComeBack {
  readonly minMs: number;
  readonly maxMs: number;
}

export const freshBackoff: Backoff = { failures: 0 };

export interface LostLink {
  /** How long the link lived; undefined when the dial itself failed. */
  readonly livedMs?: number | undefined;
  readonly comeBack?: ComeBack | undefined;
  /** 0 <= fraction < 1. */
  readonly fraction: number;
}

export interface NextDial {
  readonly backoff: Backoff;
  readonly waitMs: number;
}

/** How long to wait before the next dial, and the state after it. */
export function nextDial(backoff: Backoff, lost: LostLink): NextDial {
  const wasStable = lost.livedMs !== undefined && lost.livedMs >= limits.reconnectStableAfterMs;
  const failures = (wasStable ? 0 : backoff.failures) + 1;
  // 2^16 s is far past the limit; without the cap a long outage would overflow the shift.
  const ceiling = Math.min(limits.reconnectMaxMs, limits.reconnectMinMs * 2 ** Math.min(failures, 16));
  const window = boundComeBack(lost.comeBack) ?? { minMs: limits.reconnectMinMs, maxMs: ceiling };
  return {
    // A gate that asks nicely is no failure of the path.
    backoff: { failures: lost.comeBack === undefined ? failures : 0 },
    waitMs: Math.round(window.minMs + lost.fraction * (window.maxMs - window.minMs)),
  };
}

/** A gate may ask for patience, not for silence: an hour at most, and never for a tight loop. */
export function boundComeBack(comeBack: ComeBack | undefined): ComeBack | undefined {
  if (comeBack === undefined) return undefined;
  const minMs = clamp(comeBack.minMs, limits.reconnectMinMs, limits.comeBackMaxMs);
  return { minMs, maxMs: clamp(comeBack.maxMs, minMs, limits.comeBackMaxMs) };
}

function clamp(value: number, low: number, high: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, low), high) : low;
}
