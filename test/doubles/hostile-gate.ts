// A gate that somebody took over: the gate's own modules, wired as assemble.ts wires them, in the hands of a
// test. It serves honestly until it is told otherwise, remembers every pass that went through it, asks agents
// for whatever the test wants, and can withhold the authority's orders.

import { SallyportError, type ErrorCode } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { AuthorityClient, type Authority } from '../../src/gate/authority-client.ts';
import { Channels } from '../../src/gate/channels.ts';
import { openFrontDoor, type FrontDoor, type Guest } from '../../src/gate/front-door.ts';
import { Links, type LiveLink } from '../../src/gate/links.ts';
import { passThrough } from '../../src/gate/pass-through.ts';
import type { Route } from '../../src/gate/route.ts';
import { channelAlpn, linkAlpn } from '../../src/wire/alpn.ts';
import { Sessions } from '../../src/gate/sessions.ts';
import { TlsEnd, type GateIdentity } from '../../src/gate/tls.ts';
import { readProblem } from '../../src/link/client-session.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import type { ChannelAccepted, ChannelBody, Order } from '../../src/wire/control.ts';

/** What an honest gate forwards, and a hostile one keeps. */
export interface Seen {
  readonly asked: ChannelBody;
  readonly accepted: ChannelAccepted;
}

export interface Demand {
  readonly pass: string;
  /** Absent: none is shown. */
  readonly open?: string;
  /** JSON text. */
  readonly params: string;
  readonly kind?: string;
  readonly approval?: string;
}

const socketNames = {
  api: 'api.sock',
  apiMtls: 'api-mtls.sock',
  web: 'web.sock',
  acme: 'acme.sock',
} as const;

export class HostileGate {
  readonly seen: Seen[] = [];
  readonly withheld: Order[] = [];
  withholds: ReadonlySet<Order['type']> = new Set();
  /** What it makes of the authority's yes before it asks the agent. */
  tampers: (accepted: ChannelAccepted) => ChannelAccepted = (accepted) => accepted;
  readonly #runDir: string;
  readonly #authority: AuthorityClient;
  readonly #sessions: Sessions;
  readonly #links: Links;
  readonly #channels: Channels;
  readonly #linkIds: string[] = [];
  #ends: { readonly link: TlsEnd; readonly channel: TlsEnd } | undefined;
  #door: FrontDoor | undefined;

  private constructor(runDir: string) {
    this.#runDir = runDir;
    const common = { clock: systemClock, log: silentLog, bounds: limits };
    this.#authority = new AuthorityClient({
      ...common,
      controlSocket: `${runDir}/control.sock`,
      gateName: 'gate-1',
      carried: () => ({ links: this.#links.carried, sessions: this.#sessions.ids }),
      onRegistered: (identity) => this.#showIdentity(identity),
      onCertificate: (identity) => this.#showIdentity(identity),
      onOrder: (order) => this.#obey(order),
      // It goes on all the same.
      onCutOff: () => undefined,
    });
    this.#sessions = new Sessions({
      clock: systemClock,
      onEnded: (session, reason) =>
        this.#authority.report({ path: '/gate/sessions/ended', body: { session, reason } }),
    });
    const authority = this.#watched();
    this.#links = new Links({
      ...common,
      authority,
      gateName: 'gate-1',
      version: '0.1.0',
      random: systemRandom,
      onLost: (link) => this.#sessions.linkLost(link),
    });
    this.#channels = new Channels({ ...common, authority, links: this.#links, sessions: this.#sessions });
  }

  static async start(options: { readonly runDir: string; readonly port: number }): Promise<HostileGate> {
    const gate = new HostileGate(options.runDir);
    await gate.#authority.start();
    gate.#door = await openFrontDoor({
      listen: { host: '127.0.0.1', port: options.port },
      bounds: limits,
      clock: systemClock,
      log: silentLog,
      apiHosts: () => [],
      receive: (route, guest) => gate.#receive(route, guest),
      onRefused: () => undefined,
    });
    return gate;
  }

  /** The newest link that lives. */
  get link(): LiveLink | undefined {
    return this.#linkIds
      .toReversed()
      .map((id) => this.#links.find(id))
      .find((link) => link !== undefined);
  }

  /** Asks the agent for a channel; its refusal's code, or "opened". */
  async demand(demand: Demand): Promise<ErrorCode | 'opened'> {
    const { link } = this;
    if (link === undefined) throw new Error('no agent is linked');
    await link.welcomed;
    const answer = await link.session.request({
      path: `/channels/${demand.kind ?? 'exec'}`,
      headers: {
        'sallyport-pass': demand.pass,
        ...(demand.open === undefined ? {} : { 'sallyport-open': demand.open }),
        'sallyport-params': Buffer.from(demand.params).toString('base64url'),
        ...(demand.approval === undefined ? {} : { 'sallyport-approval': demand.approval }),
      },
    });
    if (answer.status !== 200) return (await readProblem(answer)).code;
    answer.stream.abort(new Error('it worked: that is all that was wanted'));
    return 'opened';
  }

  /** Asks the authority for a pass; its refusal's code, or "opened". */
  async beg(body: ChannelBody): Promise<ErrorCode | 'opened'> {
    try {
      await this.#authority.acceptChannel(body);
      return 'opened';
    } catch (error) {
      if (error instanceof SallyportError) return error.code;
      throw error;
    }
  }

  /** Drops the newest link; its agent comes back under another linkNonce. */
  dropLink(): void {
    if (this.link !== undefined) this.#links.close(this.link.id, 'protocol');
  }

  abort(): void {
    this.#door?.abort();
    this.#channels.abort();
    this.#links.abort();
    this.#authority.stop();
  }

  #watched(): Authority {
    const authority = this.#authority;
    return {
      get isLive() {
        return authority.isLive;
      },
      acceptLink: async (body) => {
        this.#linkIds.push(body.link);
        return await authority.acceptLink(body);
      },
      acceptChannel: async (asked) => {
        const accepted = await authority.acceptChannel(asked);
        this.seen.push({ asked, accepted });
        return this.tampers(accepted);
      },
      report: (report) => authority.report(report),
    };
  }

  #obey(order: Order): void {
    if (this.withholds.has(order.type)) this.withheld.push(order);
    else if (order.type === 'cut')
      for (const session of order.sessions) this.#sessions.cut(session, order.reason);
    else if (order.type === 'lease') this.#links.lease(order.link, order.lease);
    else if (order.type === 'closeLink') this.#links.close(order.link, order.reason);
  }

  #showIdentity(identity: GateIdentity): void {
    const { tlsHandshakeTimeoutMs } = limits;
    const onRefused = (): void => undefined;
    const common = { identity, clock: systemClock, log: silentLog, tlsHandshakeTimeoutMs, onRefused };
    this.#ends ??= {
      link: new TlsEnd({ ...common, alpn: linkAlpn, kinds: ['device'] }),
      channel: new TlsEnd({ ...common, alpn: channelAlpn, kinds: ['human'] }),
    };
    this.#ends.link.setIdentity(identity);
    this.#ends.channel.setIdentity(identity);
  }

  #receive(route: Route, { socket, hello, remoteAddress, place }: Guest): void {
    if (route !== 'link' && route !== 'channel') {
      const path = `${this.#runDir}/${socketNames[route]}`;
      const { tlsHandshakeTimeoutMs } = limits;
      const onHandshakeDone = (): void => place.release();
      void passThrough({ socket, hello, path, clock: systemClock, tlsHandshakeTimeoutMs, onHandshakeDone });
      return;
    }
    this.#ends?.[route].receive(socket, hello, {
      remoteAddress,
      onRefused: () => undefined,
      onArrival: (arrival) => {
        place.release();
        void (route === 'link' ? this.#links : this.#channels).arrive(arrival);
      },
    });
  }
}
