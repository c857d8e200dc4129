// Ending everything that a session started, whatever holds it: gently, then for good, then counted. Pure
// but for its clock: how to signal, kill and count is handed in.
//
// INVARIANT: what could not be counted counts as left. A machine that is out of files or memory for a moment
// makes a teardown slower, not less true, and never ends the agent.

import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';

export interface Ending {
  readonly signal: () => void;
  readonly kill: () => void;
  readonly count: () => number | Promise<number>;
}

/** A teardown looks whether all are gone, soon at first, then more and more rarely. */
const lookFirstMs = 5;
const lookMaxMs = 40;

/** Resolves with how many are left: none as soon as none is, else after the teardown deadline. */
export async function endAll(clock: Clock, ending: Ending): Promise<number> {
  const startedAt = clock.bootMs();
  const until = (ms: number): boolean => clock.bootMs() - startedAt < ms;
  let lookMs = lookFirstMs;
  const look = async (): Promise<number> => {
    await pass(clock, lookMs);
    lookMs = Math.min(lookMs * 2, lookMaxMs);
    return orElse(ending.count, 1);
  };
  await orElse(ending.signal, undefined);
  let left = await orElse(ending.count, 1);
  while (left > 0 && until(limits.terminateGraceMs)) {
    left = await look();
  }
  while (left > 0 && until(limits.teardownDeadlineMs)) {
    // Again each time: without a cgroup, a process may fork between the look and the kill.
    await orElse(ending.kill, undefined);
    left = await look();
  }
  return left;
}

/** `otherwise` where the system refuses. */
export async function orElse<T>(run: () => T | Promise<T>, otherwise: T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return otherwise;
    throw error;
  }
}

function pass(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}
