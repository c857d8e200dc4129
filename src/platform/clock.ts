// Time as an argument: the rim of each process holds one Clock and hands `now` to pure code. Two times
// are kept apart: wall time, which people and NTP move, and boot time, which only rises and counts
// suspend. Deadlines on a device stand on boot time. The clock for tests is in manual-clock.ts.

import { openSync, readSync } from 'node:fs';

export interface Timer {
  /** May be called twice, and after the timer fired. */
  cancel(): void;
}

export interface Clock {
  /** Unix ms. May jump either way. */
  now(): number;
  /** Ms since some moment in the past. Never falls, and counts the time a machine was suspended. */
  bootMs(): number;
  /**
   * Runs `run` once, `ms` from now, on a clock that stands still while the machine is suspended: whoever
   * guards a deadline checks bootMs() again when it fires. `ref: false` lets the process end meanwhile.
   */
  setTimer(ms: number, run: () => void, options?: TimerOptions): Timer;
}

export interface TimerOptions {
  readonly ref?: boolean;
}

/** setTimeout turns any longer wait into 1 ms, so longer ones are waited for in legs. */
const longestLegMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  bootMs,
  setTimer(ms, run, options = {}) {
    let timeout: NodeJS.Timeout;
    const leg = (left: number): void => {
      const wait = Math.min(Math.max(left, 0), longestLegMs);
      timeout = setTimeout(() => (left > wait ? leg(left - wait) : run()), wait);
      if (options.ref === false) timeout.unref();
    };
    leg(ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Kept open: opening it costs more than reading it, and it is read for every channel. */
let uptimeFile: number | undefined;
let hasUptimeFile = process.platform === 'linux';
const uptimeText = Buffer.alloc(64);

// Linux gives CLOCK_BOOTTIME only by this file (libuv reads CLOCK_MONOTONIC, which stops in suspend);
// its resolution of 10 ms is enough for deadlines. macOS' process.hrtime already counts suspend.
function bootMs(): number {
  if (hasUptimeFile) {
    const uptime = readUptime();
    if (uptime !== undefined) return uptime;
    // A mixture of two clocks could run backwards, so one failure settles it for this process.
    hasUptimeFile = false;
  }
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

function readUptime(): number | undefined {
  try {
    uptimeFile ??= openSync('/proc/uptime', 'r');
    const length = readSync(uptimeFile, uptimeText, 0, uptimeText.length, 0);
    const seconds = Number.parseFloat(uptimeText.toString('latin1', 0, length));
    return Number.isFinite(seconds) ? Math.round(seconds * 1_000) : undefined;
  } catch (error) {
    // Sandboxes without /proc: fall back, do not fail.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
