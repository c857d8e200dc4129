// What the gate has to tell the authority about what ended: one after another for each session or link,
// so that a session's end never overtakes its channels', kept while the authority is away, told again
// after a failure. Bounded: past the bound the oldest subject's reports are given up, and the authority
// learns of the end from the next registration, which lists only what lives.

import { SallyportError } from '../core/errors.ts';
import type { ChannelClosedBody, LinkClosedBody, RefusalBody, SessionEndedBody } from '../wire/control.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

export type Report =
  | { readonly path: '/gate/links/closed'; readonly body: LinkClosedBody }
  | { readonly path: '/gate/channels/closed'; readonly body: ChannelClosedBody }
  | { readonly path: '/gate/sessions/ended'; readonly body: SessionEndedBody }
  | { readonly path: '/gate/refusals'; readonly body: RefusalBody };

/** Refusals wait in one queue of this length: a flood of strangers costs no memory, and is on the log as one. */
const refusalsMax = 64;

export interface ReportsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly subjectsMax: number;
  readonly retryMs: number;
  /** Throws `unavailable` when the authority could not be told. */
  readonly send: (report: Report) => Promise<void>;
}

export class Reports {
  readonly #options: ReportsOptions;
  /** Subject to its reports, the next one first. */
  readonly #queues = new Map<string, Report[]>();
  readonly #busy = new Set<string>();
  readonly #whenTold: (() => void)[] = [];
  #retry: Timer | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /** Subjects with something untold. */
  get pending(): number {
    return this.#queues.size;
  }

  add(report: Report): void {
    const subject = subjectOf(report);
    const queue = this.#queues.get(subject);
    if (report.path === '/gate/refusals' && (queue?.length ?? 0) >= refusalsMax) return;
    if (queue === undefined) this.#queues.set(subject, [report]);
    else queue.push(report);
    const [oldest] = this.#queues.keys();
    if (oldest !== undefined && this.#queues.size > this.#options.subjectsMax) {
      this.#queues.delete(oldest);
      this.#options.log.warn({ subject: oldest }, 'too much to report, something was given up');
    }
    void this.#tell(subject);
  }

  /** The authority is there (again). */
  flush(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const subject of this.#queues.keys()) void this.#tell(subject);
  }

  /** Resolves when everything was told, or given up. */
  whenTold(): Promise<void> {
    if (this.#queues.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenTold.push(resolve);
    });
  }

  close(): void {
    this.#retry?.cancel();
    this.#queues.clear();
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    if (this.#queues.size === 0) for (const resolve of this.#whenTold.splice(0)) resolve();
  }

  async #tell(subject: string): Promise<void> {
    if (this.#busy.has(subject)) return;
    this.#busy.add(subject);
    try {
      for (let next = this.#first(subject); next !== undefined; next = this.#first(subject)) {
        await this.#send(next);
        const queue = this.#queues.get(subject);
        if (queue?.[0] === next) queue.shift();
        if (queue?.length === 0) this.#queues.delete(subject);
      }
    } catch (error) {
      this.#options.log.debug({ subject, error: String(error) }, 'a report waits for the authority');
      this.#retryLater();
    } finally {
      this.#busy.delete(subject);
    }
    this.#tellWaiters();
  }

  #first(subject: string): Report | undefined {
    return this.#queues.get(subject)?.[0];
  }

  /** Throws only what is worth another try: a report that is refused once is refused always. */
  async #send(report: Report): Promise<void> {
    try {
      await this.#options.send(report);
    } catch (error) {
      const isTransient =
        error instanceof SallyportError &&
        (error.code === 'unavailable' || error.code === 'store_unavailable');
      if (isTransient) throw error;
      this.#options.log.warn({ path: report.path, error: String(error) }, 'a report was refused');
    }
  }

  #retryLater(): void {
    this.#retry ??= this.#options.clock.setTimer(this.#options.retryMs, () => this.flush(), { ref: false });
  }
}

function subjectOf(report: Report): string {
  switch (report.path) {
    case '/gate/links/closed':
      return report.body.link;
    case '/gate/refusals':
      return 'refusals';
    case '/gate/channels/closed':
    case '/gate/sessions/ended':
      return report.body.session;
    default:
      return report satisfies never;
  }
}
