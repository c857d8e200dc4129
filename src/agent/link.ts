// One link: dialled by the agent, then served by it (docs/protocol.md, "The link"). A connected link grants
// nothing: until the authority's welcome is verified every channel is refused, and afterwards each
// one needs its own pass. When the link ends, so do the sessions on it.

import { linkAlpn } from '../wire/alpn.ts';
import type { KeyObject } from 'node:crypto';
import { SallyportError, toProblem } from '../core/errors.ts';
import { parseAddress } from '../link/address.ts';
import { dialByRoot, type Rooted } from '../link/dial-by-root.ts';
import { dateFault } from '../wire/tls-peer.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import type { DialledLink } from '../link/reconnect.ts';
import { serveLink } from '../link/session.ts';
import type { IncomingRequest, ServedSession } from '../link/served-session.ts';
import type { SessionEnd, SessionLimits } from '../link/session-life.ts';
import type { Clock } from '../platform/clock.ts';
import { privatePem } from '../platform/keys.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { kindOf, openChannel } from './channels.ts';
import { checkLease, checkWelcome, chooseVersion, type Welcomed } from './link-greeting.ts';
import { linkEndFault } from './link-end.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Owner } from './owner/owner.ts';
import type { Account } from './services/account.ts';
import type { BrokerPlace } from './services/dial.ts';
import type { ProcessScope } from './services/processes.ts';
import { SessionTable, type EndedSession } from './session-table.ts';
import { timeAt } from './signed-time.ts';
import type { StateFile } from './state.ts';

export interface LinkOptions {
  readonly file: StateFile;
  readonly key: KeyObject;
  readonly proxy: OutboundProxy | undefined;
  /** Where to dial: one of those where the broker may be found. */
  readonly address: string;
  /** Signed time of an earlier link, Unix ms, where there was one. */
  readonly signedNow: () => number | undefined;
  readonly agentVersion: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ownAccount: Account;
  readonly owner: Owner;
  readonly approvals: Approvals;
  readonly openScope: (session: string) => Promise<ProcessScope>;
  /** A session of this link is torn down; `endedAt` by signed time, Unix ms. */
  readonly onEnded: (ended: EndedSession, endedAt: number) => Promise<void>;
  /** The authority stands behind the link: it may carry channels. */
  readonly onWelcomed: (link: AgentLink, welcomed: Welcomed) => void;
  readonly limits?: SessionLimits;
}

const nonceBytes = 32;

/** One attempt. Resolves with a link that serves; throws SallyportError with words. */
export async function dialLink(options: LinkOptions, signal: AbortSignal): Promise<AgentLink> {
  const { file, key, proxy, address, log } = options;
  const { root, certificate, trustDomain } = file.current;
  const rooted = await dialByRoot({
    address,
    proxy,
    alpn: linkAlpn,
    root,
    trustDomain,
    kind: 'gate',
    key: privatePem(key),
    cert: certificate,
    trueTime: options.signedNow,
    signal,
  });
  log.info({ address, ...(proxy === undefined ? {} : { proxy: proxy.name }) }, 'connected to the broker');
  return new AgentLink(rooted, options);
}

export class AgentLink implements DialledLink {
  readonly closed: Promise<SessionEnd>;
  /** After `closed`: its sessions are torn down too. */
  readonly tornDown: Promise<void>;
  readonly table: SessionTable;
  readonly #options: LinkOptions;
  readonly #served: ServedSession;
  readonly #linkNonce: string;
  readonly #broker: BrokerPlace;
  /** The gate's certificates, where the clock here could not judge their dates. */
  readonly #undated: Rooted['undated'];
  readonly #upAt: number;
  #helloAt: number | undefined;
  #welcomed: Welcomed | undefined;
  #isWelcoming = false;
  #fault: SallyportError | undefined;

  constructor({ socket, undated }: Rooted, options: LinkOptions) {
    this.#options = options;
    this.#undated = undated;
    this.#broker = {
      ...parseAddress(options.address),
      // Through a proxy, the other end of the socket is not the broker.
      address: options.proxy === undefined ? socket.remoteAddress : undefined,
    };
    this.#upAt = options.clock.bootMs();
    this.#linkNonce = Buffer.from(options.random.bytes(nonceBytes)).toString('base64url');
    this.table = new SessionTable({
      clock: options.clock,
      now: () => this.#now(),
      openScope: options.openScope,
      maxSessionMs: () => options.owner.rules.maxSessionMs,
      onEnded: (ended) => options.onEnded(ended, this.#now()),
    });
    this.#served = serveLink(socket, (request) => this.#serve(request), {
      clock: options.clock,
      ...options.limits,
    });
    this.closed = this.#served.closed;
    this.tornDown = this.#tearDown();
  }

  get isWelcomed(): boolean {
    return this.#welcomed !== undefined && this.#served.isOpen;
  }

  /** Why it ended, where its owner may have something to mend. */
  get fault(): SallyportError | undefined {
    return this.#fault;
  }

  /** Ends the sessions in an orderly way, then the link. */
  async close(): Promise<void> {
    await this.table.close('agent_stopped');
    await this.#served.close();
  }

  abort(error?: Error): void {
    this.#served.abort(error);
  }

  async #tearDown(): Promise<void> {
    const end = await this.#served.closed;
    const { clock, log, proxy, address } = this.#options;
    const livedMs = clock.bootMs() - this.#upAt;
    log.info({ reason: end.reason, livedMs: Math.round(livedMs) }, 'the link ended');
    this.#fault = linkEndFault({ end, livedMs, proxy: proxy?.name, address });
    await this.table.close('link_lost');
  }

  async #serve(request: IncomingRequest): Promise<void> {
    const { path, method } = request;
    if (method !== 'POST') throw new SallyportError('not_found', 'the agent answers POST only');
    const kind = kindOf(path);
    if (kind !== undefined) return this.#channel(request, kind);
    switch (path) {
      case '/hello':
        return this.#hello(request);
      case '/welcome':
        return this.#welcome(request);
      case '/lease':
        return this.#lease(request);
      default:
        throw new SallyportError('not_found', 'the agent has no such path');
    }
  }

  async #hello(request: IncomingRequest): Promise<void> {
    const version = chooseVersion(await bodyOf(request));
    // One hello a link: a second one would move the moment that signed time counts from.
    if (this.#helloAt !== undefined) throw new SallyportError('conflict', 'the hello was said already');
    this.#helloAt = this.#options.clock.bootMs();
    const { agentVersion, file } = this.#options;
    request.reply(
      JSON.stringify({
        version,
        agentVersion,
        linkNonce: this.#linkNonce,
        stateEpoch: file.current.stateEpoch,
        platform: `${process.platform}-${process.arch}`,
      }),
    );
  }

  async #welcome(request: IncomingRequest): Promise<void> {
    const body = await bodyOf(request);
    if (this.#isWelcoming) throw new SallyportError('conflict', 'the welcome was said already');
    this.#isWelcoming = true;
    try {
      const welcomed = await this.#takeWelcome(body);
      this.#welcomed = welcomed;
      this.table.acceptLease(welcomed.lease);
    } catch (error) {
      this.#options.log.error({ error: wordsOf(error) }, 'the welcome was refused');
      // A gate that cannot show the authority's word for this link has nothing to do here.
      request.refuse(toProblem(error));
      void this.#served.close();
      return;
    }
    request.reply('');
    this.#options.onWelcomed(this, this.#welcomed);
  }

  async #takeWelcome(body: string): Promise<Welcomed> {
    const { clock, file } = this.#options;
    if (this.#helloAt === undefined) throw new SallyportError('no_signed_time', 'the hello comes first');
    const welcomed = checkWelcome(body, {
      state: file.current,
      linkNonce: this.#linkNonce,
      helloAt: this.#helloAt,
      bootMs: clock.bootMs(),
    });
    this.#checkDates(timeAt(welcomed.time, clock.bootMs()));
    const { stateEpoch, keyset, keysetVersion, root, addresses } = welcomed;
    // On the disk before it counts: what was once refused for being old stays refused after a power cut.
    await file.update((state) =>
      stateEpoch > state.stateEpoch ||
      keysetVersion > state.keysetVersion ||
      addresses.join() !== (state.addresses ?? []).join()
        ? { ...state, stateEpoch, keyset, keysetVersion, root, addresses }
        : state,
    );
    return welcomed;
  }

  #checkDates(now: number): void {
    if (this.#undated === undefined) return;
    const { clock, log } = this.#options;
    log.warn({ aheadMs: Math.round(clock.now() - now) }, 'the clock here is wrong; signed time is used');
    if (this.#undated.every((certificate) => dateFault(certificate, now) === undefined)) return;
    throw new SallyportError('pass_expired', 'a certificate of the gate has ended, by signed time', {
      next: 'restart the broker: its gate asks for another certificate then',
    });
  }

  async #lease(request: IncomingRequest): Promise<void> {
    const statement = await bodyOf(request);
    const { findPassKey } = this.#requireWelcome();
    const { current: state } = this.#options.file;
    this.table.acceptLease(checkLease(statement, { state, linkNonce: this.#linkNonce, findPassKey }));
    request.reply('');
  }

  #channel(request: IncomingRequest, kind: string): Promise<void> {
    const { findPassKey } = this.#requireWelcome();
    const { file, ownAccount, owner, approvals, log } = this.#options;
    return openChannel(request, kind, {
      device: file.current.deviceId,
      linkNonce: this.#linkNonce,
      stateEpoch: file.current.stateEpoch,
      findPassKey,
      now: () => this.#now(),
      table: this.table,
      ownAccount,
      broker: this.#broker,
      owner,
      approvals,
      log,
    });
  }

  #requireWelcome(): Welcomed {
    if (this.#welcomed !== undefined) return this.#welcomed;
    throw new SallyportError('no_signed_time', 'the authority has not welcomed this link yet');
  }

  /** Signed time. Only a welcomed link has sessions, so only it is asked. */
  #now(): number {
    const { time } = this.#requireWelcome();
    return timeAt(time, this.#options.clock.bootMs());
  }
}

async function bodyOf(request: IncomingRequest): Promise<string> {
  return (await request.readBody()).toString('utf8');
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
