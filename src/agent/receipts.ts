// Teardown receipts: signed by the device, kept on its disk, delivered by the api past the gate,
// and kept until the broker took them. Bounded: when a broker is away for long, the oldest go first, and
// the broker counts those sessions as unconfirmed.

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError, type ErrorCode } from '../core/errors.ts';
import { parseId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { removeFile, writeFileAtomic } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Receipt } from '../wire/receipt.ts';
import { signStatement, type Signer } from '../wire/signed.ts';

export interface ReceiptsOptions {
  readonly stateDir: string;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  /** Sends one statement to the broker; throws when it did not take it. */
  readonly send: (statement: string) => Promise<void>;
}

/** Answers that will not change by asking again: keeping the receipt would keep it for ever. */
const finalCodes: ReadonlySet<ErrorCode> = new Set(['invalid', 'not_found', 'conflict', 'too_large']);
const suffix = '.receipt';

export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #dir: string;
  /** Sessions whose receipts are on the disk, oldest first. */
  readonly #kept: Set<string>;
  /** Sessions whose receipts the broker took in this run: the newest of them. */
  readonly #taken = new Set<string>();
  #delivery: Promise<void> | undefined;
  #retry: Timer | undefined;
  #isStopped = false;

  private constructor(options: ReceiptsOptions, kept: Set<string>) {
    this.#options = options;
    this.#dir = join(options.stateDir, 'receipts');
    this.#kept = kept;
  }

  static async open(options: ReceiptsOptions): Promise<Receipts> {
    const dir = join(options.stateDir, 'receipts');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const names = (await readdir(dir)).filter((name) => name.endsWith(suffix)).sort();
    return new Receipts(options, new Set(names.map((name) => name.slice(0, -suffix.length))));
  }

  get waiting(): number {
    return this.#kept.size;
  }

  /** One waits here for the broker, or was taken by it lately. */
  has(session: string): boolean {
    return this.#kept.has(session) || this.#taken.has(session);
  }

  /** On the disk when it resolves; delivered as soon as the broker can be reached. */
  async keep(receipt: Receipt): Promise<void> {
    const statement = signStatement('receipt', { ...receipt }, this.#options.signer);
    await writeFileAtomic(this.#path(receipt.session), statement);
    this.#kept.add(receipt.session);
    for (const oldest of this.#kept) {
      if (this.#kept.size <= limits.receiptsSpooledMax) break;
      this.#options.log.warn({ session: oldest }, 'too many receipts wait: the oldest is dropped');
      await this.#drop(oldest);
    }
    this.deliver();
  }

  /** Tries now: a link has come up, so the broker is there. */
  deliver(): void {
    if (this.#isStopped || this.#delivery !== undefined) return;
    this.#retry?.cancel();
    this.#delivery = this.#deliverAll().finally(() => {
      this.#delivery = undefined;
      if (this.#kept.size > 0 && !this.#isStopped) {
        this.#retry = this.#options.clock.setTimer(limits.receiptRetryMs, () => this.deliver());
      }
    });
  }

  /** Waits a little for a delivery under way; what could not be delivered stays on the disk. */
  async stop(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(limits.receiptStopWaitMs, late.resolve);
    await Promise.race([this.#delivery, late.promise]);
    timer.cancel();
    this.#isStopped = true;
    this.#retry?.cancel();
  }

  async #deliverAll(): Promise<void> {
    // The set is read while it may grow: what was added meanwhile is delivered in the same round.
    for (const session of this.#kept) if (!(await this.#deliverOne(session))) return;
  }

  /** False: the broker cannot be asked now, so there is no use in trying the next. */
  async #deliverOne(session: string): Promise<boolean> {
    const { log, send } = this.#options;
    try {
      await send(await readFile(this.#path(session), 'utf8'));
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (!(error instanceof SallyportError) || !finalCodes.has(error.code)) {
        log.warn({ session, error: words }, 'a receipt could not be delivered yet');
        return false;
      }
      log.warn({ session, error: words }, 'the broker does not want this receipt');
    }
    this.#taken.add(session);
    for (const oldest of this.#taken) {
      if (this.#taken.size <= limits.receiptsAskedMax) break;
      this.#taken.delete(oldest);
    }
    await this.#drop(session);
    return true;
  }

  async #drop(session: string): Promise<void> {
    this.#kept.delete(session);
    await removeFile(this.#path(session));
  }

  #path(session: string): string {
    if (parseId('ses', session) === undefined) throw new RangeError(`"${session}" is no session id`);
    return join(this.#dir, `${session}${suffix}`);
  }
}
