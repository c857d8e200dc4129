// The gate's line to the authority: registers, hears orders, asks, reports; comes back by itself when the
// authority was restarted, and tells it then what is carried here. Without a line for 15 s the gate is cut
// off: nothing is opened and what it carries is ended (design section 3). The gate's TLS key is made here and
// lives in this process's memory only.

import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { createCsr } from '../platform/csr.ts';
import { generateP256 } from '../platform/keys.ts';
import type { Log } from '../platform/log.ts';
import {
  controlVersion,
  type ChannelAccepted,
  type ChannelBody,
  type LinkAccepted,
  type LinkBody,
  type Order,
  type RegisterBody,
  type IssuedCertificate,
  type Registered,
} from '../wire/control.ts';
import { complete, text, texts, whole, type Fields } from '../wire/fields.ts';
import { authorityGone, openControlSession, type ControlSession } from './control-session.ts';
import { OrderReader } from './order-lines.ts';
import { Reports, type Happening } from './reports.ts';
import type { GateIdentity } from './tls.ts';

/** What links and channels need of the authority; a test may stand in for it. */
export interface Authority {
  /** False: open nothing. */
  readonly isLive: boolean;
  acceptLink(body: LinkBody): Promise<LinkAccepted>;
  acceptChannel(body: ChannelBody): Promise<ChannelAccepted>;
  /** Never throws; told again until it is heard. */
  report(happening: Happening): void;
}

export interface AuthorityClientOptions {
  readonly controlSocket: string;
  readonly gateName: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: {
    readonly controlRequestTimeoutMs: number;
    readonly controlReconnectMs: number;
    readonly gateCutOffAfterMs: number;
  };
  readonly carried: () => Pick<RegisterBody, 'links' | 'sessions'>;
  /** At the first registration and at each one after a restart of the authority. */
  onRegistered(identity: GateIdentity, registered: Registered): void;
  onCertificate(identity: GateIdentity): void;
  onOrder(order: Order): void;
  /** No order for too long; called once for each such silence. */
  onCutOff(): void;
}

export class AuthorityClient implements Authority {
  readonly #options: AuthorityClientOptions;
  readonly #key = generateP256().privateKey;
  readonly #reports: Reports;
  #csr: Promise<string> | undefined;
  #session: ControlSession | undefined;
  #isCutOff = true;
  #watch: Timer | undefined;
  #renewal: Timer | undefined;
  /** With the newest certificate. */
  #registered: Registered | undefined;
  #wake: () => void = () => undefined;
  #isStopped = false;

  constructor(options: AuthorityClientOptions) {
    this.#options = options;
    this.#reports = new Reports({
      clock: options.clock,
      log: options.log,
      subjectsMax: limits.channelsPerLinkMax,
      retryMs: limits.reconnectMinMs,
      send: async (report) => void (await this.#post(report.path, report.body)),
    });
  }

  get isLive(): boolean {
    return this.#session !== undefined && !this.#isCutOff;
  }

  /** Resolves with the first registration; throws when the authority refuses this gate for good. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      void this.#keepConnected(resolve, reject);
    });
  }

  async acceptLink(body: LinkBody): Promise<LinkAccepted> {
    return asTyped(readLinkAccepted, await this.#post('/gate/links', body));
  }

  async acceptChannel(body: ChannelBody): Promise<ChannelAccepted> {
    return asTyped(readChannelAccepted, await this.#post('/gate/channels', body));
  }

  report(happening: Happening): void {
    this.#reports.add(happening);
  }

  /** Resolves when every report was told. */
  whenTold(): Promise<void> {
    return this.#reports.whenTold();
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of [this.#watch, this.#renewal]) timer?.cancel();
    this.#wake();
    this.#reports.close();
    this.#session?.abort();
    this.#session = undefined;
  }

  async #post(path: string, body: object): Promise<Fields> {
    if (!this.isLive || this.#session === undefined) throw authorityGone();
    return await this.#session.post(path, body);
  }

  async #keepConnected(onFirst: () => void, onRefused: (error: Error) => void): Promise<void> {
    while (!this.#isStopped) {
      try {
        const session = await this.#connect();
        onFirst();
        await session.closed;
        this.#options.log.warn({}, 'the authority is gone');
      } catch (error) {
        if (error instanceof SallyportError && error.code === 'version_unsupported') return onRefused(error);
        this.#options.log.debug({ error: String(error) }, 'the authority cannot be reached');
      }
      this.#session = undefined;
      await this.#pause();
    }
    onRefused(authorityGone(new Error('the gate was stopped')));
  }

  async #connect(): Promise<ControlSession> {
    const { controlSocket, gateName, clock, bounds, log } = this.#options;
    const session = await openControlSession({
      path: controlSocket,
      gateName,
      clock,
      requestTimeoutMs: bounds.controlRequestTimeoutMs,
    });
    try {
      const answer = await session.post('/gate/register', {
        version: controlVersion,
        gate: gateName,
        csr: await this.#request(),
        ...this.#options.carried(),
      } satisfies RegisterBody);
      const registered = asTyped(readRegistered, answer);
      if (this.#isStopped) throw authorityGone();
      this.#listen(session);
      this.#session = session;
      this.#heard();
      this.#options.onRegistered(this.#identity(registered), registered);
      this.#renewLater(registered);
      this.#reports.flush();
      log.info({ trustDomain: registered.trustDomain, env: registered.env }, 'registered with the authority');
      return session;
    } catch (error) {
      session.abort();
      throw error;
    }
  }

  #listen(session: ControlSession): void {
    // A lease is the largest order: a statement, and the few words around it.
    const reader = new OrderReader(limits.statementMaxBytes + limits.headersMaxBytes);
    const onChunk = (chunk: Uint8Array): void => {
      const read = reader.push(chunk);
      if ('fault' in read) {
        this.#options.log.error({ fault: read.fault }, 'the authority cannot be understood');
        return session.abort();
      }
      if (read.orders.length > 0) this.#heard();
      for (const order of read.orders) {
        if (order.type === 'renewCertificate') void this.#renew();
        else this.#options.onOrder(order);
      }
    };
    session.orders(onChunk, () => session.abort());
  }

  #heard(): void {
    const { clock, bounds } = this.#options;
    this.#isCutOff = false;
    this.#watch?.cancel();
    this.#watch = clock.setTimer(bounds.gateCutOffAfterMs, () => this.#cutOff(), { ref: false });
  }

  #cutOff(): void {
    this.#isCutOff = true;
    this.#options.log.error({}, 'no word from the authority: everything carried here is ended');
    this.#options.onCutOff();
    // Whatever is wrong with this connection, a new one and a new registration put it right.
    this.#session?.abort();
  }

  async #request(): Promise<string> {
    this.#csr ??= createCsr(this.#key);
    return await this.#csr;
  }

  #identity({ certificate, root, trustDomain, env }: Registered): GateIdentity {
    return { privateKey: this.#key, certificate, root, trustDomain, env };
  }

  /** At a third of the certificate's life, as every certificate here. */
  #renewLater(registered: Registered, waitMs?: number): void {
    this.#registered = registered;
    const { validFromDate, validToDate } = new X509Certificate(registered.certificate);
    const thirdMs = (validToDate.getTime() - validFromDate.getTime()) / 3;
    this.#renewal?.cancel();
    const { clock } = this.#options;
    this.#renewal = clock.setTimer(waitMs ?? thirdMs, () => void this.#renew(), { ref: false });
  }

  async #renew(): Promise<void> {
    const registered = this.#registered;
    if (registered === undefined) return;
    this.#renewal?.cancel();
    try {
      const answer = await this.#post('/gate/certificate', { csr: await this.#request() });
      const renewed = { ...registered, ...asTyped(readIssued, answer) };
      this.#options.onCertificate(this.#identity(renewed));
      this.#renewLater(renewed);
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'the certificate of the gate was not renewed');
      if (!this.#isStopped) this.#renewLater(registered, limits.reconnectMaxMs);
    }
  }

  #pause(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const { clock, bounds } = this.#options;
      const timer = clock.setTimer(bounds.controlReconnectMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function asTyped<T>(read: (fields: Fields) => T | undefined, answer: Fields): T {
  const typed = read(answer);
  if (typed === undefined) throw authorityGone(new Error('its answer has another form'));
  return typed;
}

function readRegistered(fields: Fields): Registered | undefined {
  return complete<Registered>({
    certificate: text(fields, 'certificate'),
    root: text(fields, 'root'),
    trustDomain: text(fields, 'trustDomain'),
    env: text(fields, 'env'),
    apiHosts: texts(fields, 'apiHosts'),
    closeLinks: texts(fields, 'closeLinks'),
    cutSessions: texts(fields, 'cutSessions'),
  });
}

function readIssued(fields: Fields): IssuedCertificate | undefined {
  return complete<IssuedCertificate>({
    certificate: text(fields, 'certificate'),
    root: text(fields, 'root'),
  });
}

function readLinkAccepted(fields: Fields): LinkAccepted | undefined {
  return complete<LinkAccepted>({
    device: text(fields, 'device'),
    name: text(fields, 'name'),
    linkEpoch: whole(fields, 'linkEpoch'),
    welcome: text(fields, 'welcome'),
    keyset: text(fields, 'keyset'),
    lease: text(fields, 'lease'),
  });
}

function readChannelAccepted(fields: Fields): ChannelAccepted | undefined {
  const accepted = complete<Omit<ChannelAccepted, 'approval'>>({
    link: text(fields, 'link'),
    pass: text(fields, 'pass'),
    n: whole(fields, 'n'),
    idleMs: whole(fields, 'idleMs'),
    mustEndAt: whole(fields, 'mustEndAt'),
  });
  const approval = text(fields, 'approval');
  return accepted && { ...accepted, ...(approval === undefined ? {} : { approval }) };
}
