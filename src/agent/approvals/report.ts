// Tells the broker how this device looks at approvals, so that it asks people for what will be accepted, and learns
// the sets that followed the pinned one. When a link comes up, when something changes, and now and then. A broker
// that is told nothing only makes people wait for a refusal.

import { limits } from '../../core/limits.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { readSignedApproverSet, type SignedApproverSet } from '../../wire/approver-set.ts';
import type { Approvals } from './approvals.ts';

export interface ReportOptions {
  readonly approvals: Approvals;
  readonly clock: Clock;
  readonly log: Log;
  /** Signed time; undefined while there is none. */
  readonly now: () => number | undefined;
  /** To /v1/device/approvers; answers its parsed body. Throws when the broker did not take it. */
  readonly post: (body: object) => Promise<unknown>;
}

export class ApprovalReport {
  readonly #options: ReportOptions;
  #isStopped = false;
  #timer: Timer | undefined;
  /** As it was told last. */
  #told: string | undefined;
  #running: Promise<void> | undefined;
  #isWanted = false;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** A device that never looked at approvals has nothing to say. */
  tell(): void {
    const { check, set } = this.#options.approvals.state;
    if (this.#isStopped || (check === 'off' && set === undefined)) return;
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Only what the broker does not know yet. */
  tellChange(): void {
    if (this.#said() !== this.#told) this.tell();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { approvals, post, log, now } = this.#options;
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      const at = now();
      if (at === undefined) return;
      try {
        const said = this.#said();
        const offered = setsIn(await post(JSON.parse(said) as object));
        this.#told = said;
        if (offered.length > 0) await approvals.raise(offered, at);
      } catch (error) {
        log.warn({ error: String(error) }, 'the broker could not be told how approvals are looked at here');
      }
    }
    this.#timer?.cancel();
    const { clock } = this.#options;
    this.#timer = clock.setTimer(limits.approversReportMs, () => this.tell(), { ref: false });
  }

  #said(): string {
    const { check, set } = this.#options.approvals.state;
    return JSON.stringify({ check, ...(set === undefined ? {} : { version: set.version }) });
  }
}

function setsIn(body: unknown): readonly SignedApproverSet[] {
  const sets: unknown = typeof body === 'object' && body !== null && 'sets' in body ? body.sets : undefined;
  if (!Array.isArray(sets)) return [];
  return (sets as readonly unknown[])
    .map((set) => readSignedApproverSet(set))
    .filter((set) => set !== undefined);
}
