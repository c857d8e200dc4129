// Break-glass on the device itself (R-053, design section 6): somebody stands before it, and enough of the offline
// keys that it has pinned signed that he may have its shell. The broker is asked first, and its no is one; where it is
// gone, the device decides alone and tells it later. One at a time, for minutes, and nothing shown that is not
// recorded.

import type { PtyParams } from '../../core/channel.ts';
import type { OnSiteEnd, OnSiteRequest } from '../../core/break-glass.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Random } from '../../platform/random.ts';
import { breakGlassId, type SealedFile } from '../../wire/break-glass.ts';
import { findAccount, type Account } from '../services/account.ts';
import { buildEnvironment } from '../services/environment.ts';
import type { ProcessScope } from '../services/processes.ts';
import type { RunningService } from '../services/service.ts';
import { startShell } from '../services/shell.ts';
import { checkOnSite } from './check-request.ts';
import type { PinnedKeys } from './pinned-keys.ts';
import { RecordedStream } from './recorded-stream.ts';
import { digestOf, Recording } from './recording.ts';
import type { Spool } from './spool.ts';
import type { Reports } from './reports.ts';

export interface OnSiteOptions {
  readonly trustDomain: string;
  readonly device: { readonly id: string; readonly name: string };
  readonly keys: PinnedKeys;
  /** Or why it cannot be read: then nothing opens. */
  readonly spool: Spool | SallyportError;
  readonly reports: Reports;
  readonly ownAccount: Account;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Unix ms: signed time, or the best that is known without. */
  readonly now: () => number;
  /** Throws the broker's no, and `unavailable` where it cannot be asked. */
  readonly ask: (file: SealedFile) => Promise<void>;
  /** Whether no lock came since; throws where the broker cannot be asked. */
  readonly stands: (use: string) => Promise<boolean>;
  readonly openScope: (session: string) => Promise<ProcessScope>;
  readonly onEnded: (session: string) => Promise<void>;
}

export interface Opened {
  readonly person: string;
  readonly session: string;
  readonly signers: readonly string[];
  readonly wasAsked: boolean;
  /** RFC 3339, by the device's time. */
  readonly endsAt: string;
}

/** A shell that has started, and waits for its terminal. */
export interface OnSiteShell {
  readonly opened: Opened;
  take(stream: ByteStream): void;
}

interface Live {
  readonly opened: Opened;
  readonly mustEndAt: number;
  cut(cause: OnSiteEnd): void;
  readonly done: Promise<void>;
}

interface Begun {
  recording: Recording;
  scope: ProcessScope;
}

/** What the broker says about this request; anything else means that it could not be asked. */
const noes: ReadonlySet<ErrorCode> = new Set([
  'invalid',
  'denied',
  'forbidden',
  'locked',
  'not_accepted',
  'conflict',
  'rate_limited',
]);

export class OnSite {
  readonly #options: OnSiteOptions;
  #live: Live | undefined;
  #opening: Promise<OnSiteShell> | undefined;
  #isStopped = false;

  constructor(options: OnSiteOptions) {
    this.#options = options;
  }

  get live(): Opened | undefined {
    return this.#live?.opened;
  }

  /** A link is up, so the broker is there. */
  tellBroker(): void {
    this.#options.reports.deliver();
  }

  /** Throws SallyportError with words; nothing has started then. */
  async open(file: SealedFile, pty: PtyParams): Promise<OnSiteShell> {
    const { log } = this.#options;
    if (this.#isStopped) throw refusal('the agent stops');
    if (this.#opening !== undefined || this.#live !== undefined)
      throw new SallyportError('conflict', 'offline keys have opened this device already', {
        next: 'one at a time; the owner ends it: sallyport agent cut --all',
      });
    this.#opening = this.#open(file, pty);
    try {
      return await this.#opening;
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : String(error) }, 'break-glass was refused');
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }

  /** Ends it; its bytes have stopped when this returns. */
  cut(cause: OnSiteEnd, session?: string): string | undefined {
    if (this.#live === undefined || (session !== undefined && this.#live.opened.session !== session))
      return undefined;
    this.#live.cut(cause);
    return this.#live.opened.session;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // One that is just being let in is ended like one that is in.
    await this.#opening?.catch(() => undefined);
    this.#live?.cut('agent_stopped');
    await this.#live?.done;
    await this.#options.reports.stop();
  }

  async #open(file: SealedFile, pty: PtyParams): Promise<OnSiteShell> {
    const { trustDomain, device, keys, reports, random, now, clock, log, openScope } = this.#options;
    const spool = this.#requireSpool();
    const answer = checkOnSite(file, { trustDomain, device, pinned: keys.current, now: now() });
    if (!answer.ok) throw refusal(answer.why);
    const { request, signers } = answer;
    const id = breakGlassId(file.content);
    if (spool.has(id)) throw refusal('it was used here before');
    const account = await findAccount(
      request.user === '' ? undefined : request.user,
      this.#options.ownAccount,
    );
    const wasAsked = await this.#ask(file);
    if (this.#isStopped) throw refusal('the agent stops');

    const session = newId('ses', random.bytes(16));
    const openedAt = now();
    const signed = { content: file.content, signatures: file.signatures };
    await spool.begin(id, { device: device.id, ...signed, session, openedAt, wasAsked }, openedAt);
    reports.deliver();
    log.error(
      { person: request.person, signers, reason: printable(request.reason), wasAsked },
      'break-glass was used on site',
    );
    const begun: Partial<Begun> = {};
    try {
      begun.recording = await Recording.begin({
        path: spool.recordingPath(id),
        clock,
        title: `${request.person} on ${device.name}: ${request.reason}`,
        ...pty,
      });
      begun.scope = await openScope(session);
      const service = await this.#start(request, { session, pty, account, scope: begun.scope });
      const endsAt = new Date(openedAt + request.forMs).toISOString();
      const opened = { person: request.person, session, signers, wasAsked, endsAt };
      const { recording, scope } = begun;
      return this.#run({ id, opened, forMs: request.forMs, recording, scope, service });
    } catch (error) {
      await this.#ended({
        id,
        session,
        ...begun,
        cause: begun.recording === undefined ? 'recorder' : 'exit',
      });
      throw error;
    }
  }

  #requireSpool(): Spool {
    const { spool } = this.#options;
    if (spool instanceof SallyportError) throw spool;
    return spool;
  }

  /** False: nobody answers there. */
  async #ask(file: SealedFile): Promise<boolean> {
    try {
      await this.#options.ask(file);
      return true;
    } catch (error) {
      if (error instanceof SallyportError && noes.has(error.code)) throw error;
      const words = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ error: words }, 'the broker cannot be asked: the device decides alone');
      return false;
    }
  }

  async #start(
    { person }: OnSiteRequest,
    facts: {
      readonly session: string;
      readonly pty: PtyParams;
      readonly account: Account;
      readonly scope: ProcessScope;
    },
  ): Promise<RunningService> {
    const { session, pty, account, scope } = facts;
    const params = { kind: 'shell', pty, env: {} } as const;
    const pass = { session, identity: 'on-site', name: person, target: this.#options.device.name };
    return await startShell(params, { account, scope, env: buildEnvironment({ account, params, pass }) });
  }

  #run(begun: {
    readonly id: string;
    readonly opened: Opened;
    readonly forMs: number;
    readonly recording: Recording;
    readonly scope: ProcessScope;
    readonly service: RunningService;
  }): OnSiteShell {
    const { id, opened, forMs, recording, scope, service } = begun;
    const { clock, log } = this.#options;
    const { session } = opened;
    const mustEndAt = clock.bootMs() + forMs;
    const over = Promise.withResolvers<void>();
    let stream: RecordedStream | undefined;
    let cause: OnSiteEnd | undefined;
    const cut = (why: OnSiteEnd): void => {
      cause ??= why;
      stream?.abort(new Error(`ended: ${why}`));
      service.hangUp();
    };
    const live: Live = { opened, mustEndAt, cut, done: over.promise };
    this.#live = live;
    const timer = this.#watch(live);
    const looks = this.#lookForLocks(id, live);
    const end = async (): Promise<void> => {
      timer.cancel();
      looks.cancel();
      try {
        await stream?.settled();
        await this.#ended({ id, session, recording, scope, cause: cause ?? endOf(stream) });
      } catch (error) {
        log.error({ error: String(error) }, 'the end of break-glass could not be written down');
      } finally {
        this.#live = undefined;
        over.resolve();
      }
    };
    return {
      opened,
      take: (bytes) => {
        stream = new RecordedStream(bytes, recording);
        if (cause !== undefined) stream.abort(new Error(`ended: ${cause}`));
        void service.join(stream, () => undefined).then(end, end);
      },
    };
  }

  /** The timer's clock stands still in suspend, so it is looked at now and then. */
  #watch(live: Live): Timer {
    const { clock } = this.#options;
    let timer: Timer;
    const look = (): void => {
      const leftMs = live.mustEndAt - clock.bootMs();
      if (leftMs <= 0) live.cut('deadline');
      else timer = clock.setTimer(Math.min(leftMs, limits.sessionLookMs), look);
    };
    timer = clock.setTimer(limits.sessionLookMs, look);
    return { cancel: () => timer.cancel() };
  }

  /** A lock beats every grant, this one too, as long as the broker can be asked. */
  #lookForLocks(id: string, live: Live): Timer {
    const { clock, stands } = this.#options;
    let isOver = false;
    let timer: Timer;
    const look = async (): Promise<void> => {
      try {
        if (!(await stands(id))) live.cut('lock');
      } catch (error) {
        if (error instanceof SallyportError && error.code === 'locked') live.cut('lock');
      }
      if (!isOver) arm();
    };
    const arm = (): void => {
      timer = clock.setTimer(limits.onSiteLockLookMs, () => void look());
    };
    arm();
    return {
      cancel: () => {
        isOver = true;
        timer.cancel();
      },
    };
  }

  async #ended(facts: {
    readonly id: string;
    readonly session: string;
    readonly recording?: Recording;
    readonly scope?: ProcessScope;
    readonly cause: OnSiteEnd;
  }): Promise<void> {
    const { id, session, recording, scope, cause } = facts;
    const spool = this.#requireSpool();
    const { processesLeft } = (await scope?.terminate()) ?? { processesLeft: 0 };
    const digest = (await recording?.close()) ?? (await digestOf(spool.recordingPath(id)));
    const { now, log, reports, onEnded } = this.#options;
    await spool.end(id, { at: now(), cause, processesLeft, ...digest });
    await onEnded(session);
    log.warn({ session, cause, processesLeft }, 'what break-glass opened on site has ended');
    reports.deliver();
  }
}

function endOf(stream: RecordedStream | undefined): OnSiteEnd {
  if (stream?.hasFailed === true) return 'recorder';
  return stream?.hasExited === true ? 'exit' : 'left';
}

function refusal(why: string): SallyportError {
  return new SallyportError('denied', `this device does not open: ${why}`, {
    next: 'whoever keeps an offline key signs one for it: sallyport breakglass request DEVICE --on-site …',
  });
}
