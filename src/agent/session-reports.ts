// What the broker is told of sessions that ended here: each gets its receipt, also one that an earlier run of the
// agent left behind, one for which the disk had no room, and one that never reached this device at all, for
// which the broker asks in its welcome.

import type { Clock, Timer } from '../platform/clock.ts';
import { limits } from '../core/limits.ts';
import type { Log } from '../platform/log.ts';
import type { Receipt } from '../wire/receipt.ts';
import type { LiveRecords } from './live-records.ts';
import type { Receipts } from './receipts.ts';

/** Who it is of and when is added here. */
export type Report = Omit<Receipt, 'endedAt' | 'device'>;

export interface SessionReportsParts {
  readonly device: string;
  readonly receipts: Receipts;
  readonly records: LiveRecords;
  readonly clock: Clock;
  readonly log: Log;
}

export class SessionReports {
  readonly #parts: SessionReportsParts;
  /** Ended before there was signed time. */
  #waiting: readonly Report[];
  readonly #retries = new Set<Timer>();

  constructor(parts: SessionReportsParts, leftovers: readonly Report[]) {
    this.#parts = parts;
    this.#waiting = leftovers;
  }

  /** Signed time is known. Unix ms. */
  onTime(now: number): void {
    const left = this.#waiting;
    this.#waiting = [];
    for (const report of left) void this.add(report, now);
    this.#parts.receipts.deliver();
  }

  /** The receipt is on the disk before the record goes: a kill in between reports twice, never not at all. */
  async add(report: Report, endedAt: number): Promise<void> {
    const { device, receipts, records, log } = this.#parts;
    try {
      await receipts.keep({ ...report, device, endedAt: Math.round(endedAt) });
      await records.remove(report.session);
    } catch (error) {
      // The record stays, so that the next start reports this session too.
      log.error({ session: report.session, error: String(error) }, 'a receipt could not be kept');
      this.#addLater(report, endedAt);
    }
  }

  /**
   * Answers for sessions that the broker asks for. Of those that are being torn down, or were, the receipt comes
   * by itself: call it when nothing from before the welcome is being torn down any more.
   */
  async answer(awaited: readonly string[], now: number): Promise<void> {
    if (awaited.length === 0) return;
    const { receipts, records } = this.#parts;
    const live = new Set(await records.list());
    for (const session of awaited) {
      if (live.has(session) || receipts.has(session)) continue;
      const nothing = { method: 'nothing_started', processesLeft: 0, socketsLeft: 0, channels: 0 } as const;
      await this.add({ ...nothing, session, cause: 'unknown_here' }, now);
    }
  }

  stop(): void {
    for (const timer of this.#retries) timer.cancel();
  }

  /** The disk may have room again by then. */
  #addLater(report: Report, endedAt: number): void {
    const timer = this.#parts.clock.setTimer(limits.receiptRetryMs, () => {
      this.#retries.delete(timer);
      void this.add(report, endedAt);
    });
    this.#retries.add(timer);
  }
}
