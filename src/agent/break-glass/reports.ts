// Tells the broker what offline keys opened on this device: at once where it can be reached, else when a link comes up
// again. A statement of the device, once when it begins and once when it has ended.

import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { onSitePayload } from '../../wire/on-site.ts';
import { signStatement, type Signer } from '../../wire/signed.ts';
import { toTell, type Spool, type Use } from './spool.ts';

export interface ReportsOptions {
  readonly spool: Spool | undefined;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Throws when the broker did not take it. */
  readonly send: (statement: string) => Promise<void>;
}

/** Answers that will not change by asking again. */
const finalCodes: ReadonlySet<ErrorCode> = new Set(['invalid', 'not_found', 'too_large']);

export class Reports {
  readonly #options: ReportsOptions;
  #delivery: Promise<void> | undefined;
  #isWanted = false;
  #retry: Timer | undefined;
  #isStopped = false;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#options.spool?.waiting.length ?? 0;
  }

  deliver(): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    this.#retry?.cancel();
    this.#delivery ??= this.#run().finally(() => {
      this.#delivery = undefined;
    });
  }

  /** Waits for what is under way; the rest stays on the disk. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    await this.#delivery;
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      for (const use of this.#options.spool?.waiting ?? []) if (!(await this.#deliverOne(use))) break;
    }
    if (this.waiting === 0 || this.#isStopped) return;
    this.#retry = this.#options.clock.setTimer(limits.onSiteRetryMs, () => this.deliver(), { ref: false });
  }

  /** False: the broker cannot be told now. */
  async #deliverOne({ id, report }: Use): Promise<boolean> {
    const { spool, signer, log, send } = this.#options;
    try {
      await send(signStatement('onsite', onSitePayload(report), signer));
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (!(error instanceof SallyportError) || !finalCodes.has(error.code)) {
        log.warn({ use: id, error: words }, 'the broker could not be told of break-glass on site yet');
        return false;
      }
      log.error({ use: id, error: words }, 'the broker does not take the report of break-glass on site');
    }
    await spool?.tell(id, toTell(report));
    return true;
  }
}
