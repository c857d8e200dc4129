// Time on the device (docs/protocol.md, "Time on the device"): the authority's signed time plus what the
// boot clock counted since the hello was answered. Never earlier than the truth: the welcome was signed
// after the hello, so a gate that delays it only makes things expire sooner. The device's own wall clock
// plays no part. Pure.

import { limits } from '../core/limits.ts';

export interface SignedTime {
  /** The authority's clock, Unix ms, as signed. */
  readonly signed: number;
  /** Boot clock when the hello was answered. */
  readonly bootAtHello: number;
}

/** Undefined when the welcome came too long after the hello. */
export function startSignedTime(signed: number, bootAtHello: number, bootMs: number): SignedTime | undefined {
  return bootMs - bootAtHello > limits.welcomeWithinMs ? undefined : { signed, bootAtHello };
}

/** Unix ms by signed time. */
export function timeAt(time: SignedTime, bootMs: number): number {
  return time.signed + (bootMs - time.bootAtHello);
}
