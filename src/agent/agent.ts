// `agent run`: the agent of one state directory, from start to stop. Wires its parts and owns their order:
// what an earlier run left behind is ended first, then it dials; when it stops, sessions end before the
// link does, and receipts leave last.

import { createHash, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { SallyportError } from '../core/errors.ts';
import type { Environment } from '../link/choose-proxy.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import { keepDialling, type DialState } from '../link/reconnect.ts';
import type { SessionLimits } from '../link/session-life.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { ensurePrivateDir } from '../platform/files.ts';
import { createLog, type Log } from '../platform/log.ts';
import { systemRandom, type Random } from '../platform/random.ts';
import { keyId, type Signer } from '../wire/signed.ts';
import { Approvals } from './approvals/approvals.ts';
import { ApprovalReport } from './approvals/report.ts';
import type { Welcomed } from './link-greeting.ts';
import { dialLink, type AgentLink, type LinkOptions } from './link.ts';
import { LiveRecords } from './live-records.ts';
import type { OnSite } from './break-glass/on-site.ts';
import { assembleOnSite } from './break-glass/assemble.ts';
import type { PinnedKeys } from './break-glass/pinned-keys.ts';
import { claimSocket, Conversation } from './local-socket.ts';
import { readMachineId, requireMachine } from './machine.ts';
import { Owner } from './owner/owner.ts';
import { rulesFile } from './owner/load-rules.ts';
import { obey } from './owner/obey.ts';
import { fixesKeys } from './owner/rules.ts';
import type { Order } from './owner/orders.ts';
import { findProxy } from './proxy.ts';
import { Receipts } from './receipts.ts';
import { RenewalLoop } from './renewal.ts';
import { getAsDevice, postAsDevice, type DeviceCaller } from './post-as-device.ts';
import { SessionReports, type Report } from './session-reports.ts';
import { ownAccount } from './services/account.ts';
import { Processes, type ProcessScope } from './services/processes.ts';
import { timeAt, type SignedTime } from './signed-time.ts';
import { defaultStateDir, loadJoined, placesOf, StateFile } from './state.ts';
import { describeStatus } from './status.ts';

export interface RunAgentOptions {
  /** State directory; default ~/.sallyport-agent. */
  readonly state?: string | undefined;
  /** The owner's rules; default agent.yaml in the state directory. */
  readonly config?: string | undefined;
  /** The directory came from another machine, and that is right. */
  readonly isMoved?: boolean;
  /** Where a proxy is looked for that no file in the state directory names. */
  readonly env?: Environment;
  /** Of this program. */
  readonly version: string;
  /** Stops it: sessions end, receipts leave, then the promise resolves. */
  readonly signal: AbortSignal;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly limits?: SessionLimits;
  /** False: process groups only, as on machines where no cgroup may be made. */
  readonly useCgroups?: boolean;
  /** Given what reads the owner's rules again. */
  readonly onReload?: (reload: () => void) => void;
  /** The first link is up and welcomed. */
  readonly onReady?: (about: { readonly deviceId: string; readonly name: string }) => void;
}

/** Runs until the signal stops it. Throws SallyportError or FileFault when it cannot start. */
export async function runAgent(options: RunAgentOptions): Promise<void> {
  const dir = options.state ?? defaultStateDir();
  const { state, key } = await loadJoined(dir);
  await ensurePrivateDir(dir);
  const machine = { id: await readMachineId(), isMoved: options.isMoved === true };
  await requireMachine(dir, machine);
  let agent: Agent | undefined;
  const socket = await claimSocket(dir, async (order) => {
    if (agent !== undefined) return await agent.obey(order);
    throw new SallyportError('unavailable', 'the agent is only starting', { next: 'try again' });
  });
  try {
    agent = await Agent.start({ options, file: new StateFile(dir, state), key });
    await agent.run();
  } finally {
    await socket.close();
  }
}

interface AgentParts {
  readonly file: StateFile;
  readonly key: KeyObject;
  readonly proxy: OutboundProxy | undefined;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly records: LiveRecords;
  readonly receipts: Receipts;
  readonly signer: Signer;
  readonly processes: Processes;
  readonly owner: Owner;
  readonly approvals: Approvals;
  readonly approvalReport: ApprovalReport;
  readonly reports: SessionReports;
  readonly keys: PinnedKeys;
  readonly onSite: OnSite;
}

class Agent {
  readonly #parts: AgentParts;
  readonly #options: RunAgentOptions;
  #dial: DialState<AgentLink> = { state: 'dialling' };
  #link: AgentLink | undefined;
  #time: SignedTime | undefined;
  #isReady = false;
  /** Where the broker was dialled last. */
  #address: string;
  /** Dials in a row that failed. */
  #misses = 0;
  readonly #teardowns = new Set<Promise<void>>();

  private constructor(parts: AgentParts, options: RunAgentOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#address = parts.file.current.address;
  }

  static async start({
    options,
    file,
    key,
  }: {
    readonly options: RunAgentOptions;
    readonly file: StateFile;
    readonly key: KeyObject;
  }): Promise<Agent> {
    const { clock = systemClock, random = systemRandom, version } = options;
    const log = options.log ?? (await createLog({ component: 'agent' }));
    const signer = { kid: keyId(createPublicKey(key)), privateKey: key };
    // First of all: an agent with rules that cannot be read starts nothing.
    const owner = await Owner.open({
      file: rulesFile(file.dir, options.config),
      ownAccount: ownAccount(),
      clock,
      log,
    });
    const approvals = await Approvals.open({
      dir: file.dir,
      device: file.current.deviceId,
      check: () => owner.rules.approvals,
      log,
    });
    options.onReload?.(() => void agent.#reload());
    const { proxy } = await findProxy(file.current.address, { dir: file.dir, env: options.env ?? {} });
    const asDevice = (timeoutMs?: number): DeviceCaller => ({
      file,
      key,
      proxy,
      address: agent.#address,
      trueTime: () => agent.#signedNow(),
      timeoutMs,
    });
    const post = async (path: string, body: object, timeoutMs?: number) =>
      await postAsDevice(path, body, asDevice(timeoutMs));
    const approvalReport = new ApprovalReport({
      approvals,
      clock,
      log,
      now: () => agent.#signedNow(),
      post: async (body) => (await post('/v1/device/approvers', body)).body,
    });
    approvals.onChanged = () => approvalReport.tellChange();
    const receipts = await Receipts.open({
      stateDir: file.dir,
      signer,
      clock,
      log,
      send: async (receipt) => void (await post('/v1/device/receipts', { receipt })),
    });
    const processes = await Processes.open({
      name: await cgroupName(file.dir),
      clock,
      ...(options.useCgroups === undefined ? {} : { useCgroups: options.useCgroups }),
    });
    const records = await LiveRecords.open(file.dir);
    const given = { file, key, proxy, signer, version, clock, random, log };
    const device = file.current.deviceId;
    const { keys, onSite, leftovers } = await assembleOnSite({
      dir: file.dir,
      state: file.current,
      isFixed: () => fixesKeys(owner.rules),
      signer,
      clock,
      random,
      log,
      processes,
      records,
      leftovers: await endLeftovers({ processes, records, log }),
      startedAt: latestKnown(file, clock),
      now: () => Math.round(agent.#signedNow() ?? latestKnown(file, clock)),
      post,
      get: async (path, timeoutMs) => (await getAsDevice(path, asDevice(timeoutMs))).body,
    });
    const reports = new SessionReports({ device, receipts, records, clock, log }, leftovers);
    const opened = { keys, onSite, approvals, approvalReport };
    const parts = { ...given, ...opened, receipts, processes, records, owner, reports };
    const agent = new Agent(parts, options);
    owner.onRefused = (session) => agent.#link?.table.end(session, 'owner_cut');
    approvals.onRefused = owner.onRefused;
    return agent;
  }

  async run(): Promise<void> {
    const { file, key, proxy, signer, clock, random, log, receipts } = this.#parts;
    log.info({ device: file.current.name, teardown: this.#parts.processes.method }, 'the agent runs');
    const now = (): number => this.#now();
    const signedNow = (): number | undefined => this.#signedNow();
    const address = (): string => this.#address;
    const renewal = new RenewalLoop({
      address,
      file,
      key,
      proxy,
      signer,
      clock,
      random,
      log,
      now,
      signedNow,
      onBreakGlassKeys: async (offered) => await this.#parts.keys.follow(offered),
    });
    const stop = new AbortController();
    const stopped = keepDialling({
      dial: (signal) => this.#dialOnce(signal),
      clock,
      random,
      signal: stop.signal,
      onState: (state) => this.#onDial(state),
    });
    await untilAborted(this.#options.signal);
    log.info({}, 'the agent stops');
    this.#parts.owner.consent.stop();
    await Promise.all([this.#link?.close(), this.#parts.onSite.stop()]);
    stop.abort();
    await Promise.all([stopped, renewal.stop(), this.#parts.approvalReport.stop()]);
    await Promise.all(this.#teardowns);
    this.#parts.reports.stop();
    await receipts.stop();
    await this.#parts.processes.close();
  }

  /** One place after the other, until one answers; a link that was lost is looked for at the first again. */
  async #dialOnce(signal: AbortSignal): Promise<AgentLink> {
    const places = placesOf(this.#parts.file.current);
    this.#address = places[this.#misses % places.length] ?? this.#address;
    this.#misses += 1;
    const link = await dialLink(this.#linkOptions(), signal);
    this.#misses = 0;
    // The next link does not wait for processes that will not die, but the end of the agent does.
    this.#teardowns.add(link.tornDown);
    void link.tornDown.finally(() => this.#teardowns.delete(link.tornDown));
    return link;
  }

  /** New rules of the owner: they count for whoever is in, too. */
  async #reload(): Promise<void> {
    const { owner, approvals, log } = this.#parts;
    await owner.reload();
    await approvals
      .review(this.#signedNow())
      .catch((error: unknown) =>
        log.error({ error: String(error) }, 'approvals could not be looked at again'),
      );
  }

  /** Throws SallyportError with words. */
  async obey(order: Order): Promise<object> {
    const { owner, approvals, keys, onSite, log } = this.#parts;
    if (order.do === 'status') return this.#status();
    if (order.do === 'breakglass') {
      const { content, signatures, pty } = order;
      const shell = await onSite.open({ content, signatures }, pty);
      return new Conversation({ ...shell.opened }, (stream) => shell.take(stream));
    }
    if (order.do === 'pin_breakglass') {
      log.info(
        { keys: order.keys?.keys.map(({ name }) => name) ?? 'of the broker' },
        'the owner pins offline keys',
      );
      await (order.keys === null ? keys.leaveToBroker() : keys.pin(order.keys));
      return { pinned: order.keys?.keys.length ?? 0 };
    }
    if (order.do === 'pin') {
      log.info({ version: order.approvers.set.version }, 'the owner pins an approver set');
      await approvals.pin(order.approvers, this.#signedNow());
      return { pinned: order.approvers.set.version };
    }
    log.info({ ...order }, 'the owner gave an order');
    return obey(order, { owner, table: this.#link?.table, onSite });
  }

  #status(): object {
    const { file, version, processes, receipts, owner, approvals, keys, onSite, proxy, clock } = this.#parts;
    return describeStatus({
      keys: keys.current,
      onSite: onSite.live,
      state: file.current,
      version,
      dial: this.#dial,
      link: this.#link,
      teardown: processes.method,
      receiptsWaiting: receipts.waiting,
      owner,
      approvals,
      proxy,
      address: this.#address,
      clock,
    });
  }

  #linkOptions(): LinkOptions {
    const { file, key, proxy, version, clock, random, log, records, processes, owner, approvals, reports } =
      this.#parts;
    const openScope = async (session: string): Promise<ProcessScope> => {
      const [scope] = await Promise.all([processes.openScope(session), records.add(session)]);
      return scope;
    };
    return {
      file,
      key,
      proxy,
      address: this.#address,
      signedNow: () => this.#signedNow(),
      agentVersion: version,
      clock,
      random,
      log,
      ownAccount: ownAccount(),
      owner,
      approvals,
      openScope,
      onEnded: (ended, endedAt) => {
        log.info({ ...ended }, 'a session ended');
        owner.consent.forget(ended.session);
        approvals.ended(ended.session);
        return reports.add(ended, endedAt);
      },
      onWelcomed: (link, welcomed) => this.#onWelcomed(link, welcomed),
      ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
    };
  }

  #onWelcomed(link: AgentLink, { time, awaited }: Welcomed): void {
    const { file, reports, approvalReport, onSite, clock, log } = this.#parts;
    this.#link = link;
    this.#time = time;
    log.info({}, 'the link is up');
    reports.onTime(timeAt(time, clock.bootMs()));
    onSite.tellBroker();
    approvalReport.tell();
    const earlier = [...this.#teardowns].filter((teardown) => teardown !== link.tornDown);
    Promise.all(earlier)
      .then(async () => await reports.answer(awaited, timeAt(time, clock.bootMs())))
      .catch((error: unknown) =>
        log.error({ error: String(error) }, 'the broker asked for receipts in vain'),
      );
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.onReady?.({ deviceId: file.current.deviceId, name: file.current.name });
  }

  #onDial(state: DialState<AgentLink>): void {
    const last = this.#dial;
    this.#dial = state;
    if (state.state !== 'up') this.#link = undefined;
    if (state.state !== 'waiting') return;
    const fault = state.error ?? (last.state === 'up' ? last.link.fault : undefined);
    const next = fault instanceof SallyportError ? fault.next : undefined;
    if (fault !== undefined) this.#dial = { ...state, error: fault };
    this.#parts.log.warn(
      {
        waitMs: state.waitMs,
        ...(fault === undefined ? {} : { error: fault.message }),
        ...(next === undefined ? {} : { next }),
      },
      'no link',
    );
  }

  #now(): number {
    return this.#signedNow() ?? this.#parts.clock.now();
  }

  #signedNow(): number | undefined {
    return this.#time === undefined ? undefined : timeAt(this.#time, this.#parts.clock.bootMs());
  }
}

/** Without signed time: a clock that stands behind is moved on to what is certainly over. Unix ms. */
function latestKnown({ current }: StateFile, clock: Clock): number {
  return Math.max(clock.now(), new X509Certificate(current.certificate).validFromDate.getTime());
}

/** Negative test I17: nothing of a killed agent's sessions lives on once the next one dials. */
async function endLeftovers({
  processes,
  records,
  log,
}: Pick<AgentParts, 'processes' | 'records' | 'log'>): Promise<readonly Report[]> {
  const sessions = new Set([...(await records.list()), ...(await processes.leftovers())]);
  return await Promise.all(
    [...sessions].map(async (session) => {
      const scope = await processes.openScope(session);
      const teardown = await scope.terminate();
      log.warn({ session, ...teardown }, 'a session that an earlier run left behind was ended');
      return { ...teardown, session, socketsLeft: 0, channels: 0, cause: 'agent_restarted' as const };
    }),
  );
}

/** The same for the same state directory, after a restart too. */
async function cgroupName(dir: string): Promise<string> {
  const path = await realpath(dir);
  return `sallyport-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
