// What the gate has to tell the authority about what ended: one after another for each session or link,
// so that a session's end never overtakes its channels', kept while the authority is away, told again
// after a failure. Ends of channels are gathered for a moment and told together, since each telling is a
// commit. Bounded: past the bound the oldest subject's reports are given up, and the authority learns of the
// end from the next registration, which lists only what lives.

import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type {
  ChannelEnd,
  ChannelsClosedBody,
  LinkClosedBody,
  RefusalBody,
  SessionEndedBody,
} from '../wire/control.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** As the authority is told. */
export type Report =
  | { readonly path: '/gate/links/closed'; readonly body: LinkClosedBody }
  | { readonly path: '/gate/channels/closed'; readonly body: ChannelsClosedBody }
  | { readonly path: '/gate/sessions/ended'; readonly body: SessionEndedBody }
  | { readonly path: '/gate/refusals'; readonly body: RefusalBody };

/** As it happens: one channel at a time. */
export type Happening =
  | Exclude<Report, { readonly path: '/gate/channels/closed' }>
  | {
      readonly path: '/gate/channels/closed';
      readonly body: ChannelEnd & { readonly session: string };
    };

/** Refusals wait in one queue of this length: a flood of strangers costs no memory, and is on the log as one. */
const refusalsMax = 64;
/** Keeps one report, and with it one commit, far below apiBodyMaxBytes. */
const endsPerReport = 256;

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
  #gathering: Timer | undefined;
  readonly #whenTold: (() => void)[] = [];
  #retry: Timer | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /** Subjects with something untold. */
  get pending(): number {
    return this.#queues.size;
  }

  add(happening: Happening): void {
    const subject = subjectOf(happening);
    const queue = this.#queues.get(subject) ?? [];
    if (happening.path === '/gate/refusals' && queue.length >= refusalsMax) return;
    this.#queues.set(subject, queue);
    if (happening.path === '/gate/channels/closed') this.#gather(subject, queue, happening.body);
    else queue.push(happening);
    this.#giveUpOldest();
    if (happening.path !== '/gate/channels/closed') void this.#tell(subject);
  }

  #gather(subject: string, queue: Report[], { session, ...end }: ChannelEnd & { session: string }): void {
    const last = queue.at(-1);
    // What is being told is not added to.
    const isOnItsWay = queue.length === 1 && this.#busy.has(subject);
    if (last?.path === '/gate/channels/closed' && !isOnItsWay && last.body.channels.length < endsPerReport) {
      const channels = [...last.body.channels, end];
      queue[queue.length - 1] = { path: last.path, body: { session, channels } };
    } else queue.push({ path: '/gate/channels/closed', body: { session, channels: [end] } });
    const { clock } = this.#options;
    this.#gathering ??= clock.setTimer(limits.reportGatherMs, () => this.flush(), { ref: false });
  }

  #giveUpOldest(): void {
    const [oldest] = this.#queues.keys();
    if (oldest !== undefined && this.#queues.size > this.#options.subjectsMax) {
      this.#queues.delete(oldest);
      this.#options.log.warn({ subject: oldest }, 'too much to report, something was given up');
    }
  }

  /** The authority is there (again). */
  flush(): void {
    for (const timer of [this.#retry, this.#gathering]) timer?.cancel();
    this.#retry = undefined;
    this.#gathering = undefined;
    for (const subject of this.#queues.keys()) void this.#tell(subject);
  }

  /** Tells what is gathered. Resolves when everything was told, or given up. */
  whenTold(): Promise<void> {
    if (this.#queues.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenTold.push(resolve);
      this.flush();
    });
  }

  close(): void {
    for (const timer of [this.#retry, this.#gathering]) timer?.cancel();
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
      for (let next = this.#due(subject); next !== undefined; next = this.#due(subject)) {
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

  /** The next one to be told; ends that are still being gathered are not. */
  #due(subject: string): Report | undefined {
    const [first, second] = this.#queues.get(subject) ?? [];
    const isGathering = first?.path === '/gate/channels/closed' && this.#gathering !== undefined;
    return isGathering && second === undefined ? undefined : first;
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

function subjectOf(report: Happening): string {
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
