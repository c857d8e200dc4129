// The links that agents hold to this gate: hello, the authority's yes, welcome; then leases go down and
// channels are opened by channels.ts. The connection itself, with its liveness, is link/'s. A link that
// ended is told to whoever carries sessions on it, and to the authority.

import { SallyportError } from '../core/errors.ts';
import { newId, type LinkId } from '../core/ids.ts';
import { parseJsonObject } from '../core/json.ts';
import type { ComeBack } from '../core/backoff.ts';
import type { ClientSession } from '../link/client-session.ts';
import { openLinkClient } from '../link/session.ts';
import type { SessionEnd } from '../link/session-life.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { LinkEnd } from '../core/device.ts';
import type { Hello, LinkAccepted, RegisterBody } from '../wire/control.ts';
import { complete, text, whole } from '../wire/fields.ts';
import type { Authority } from './authority-client.ts';
import type { Arrival } from './tls.ts';

export const linkVersion = 1;

/** A link that channels may be opened on. */
export interface LiveLink {
  readonly id: string;
  readonly session: ClientSession;
  /** Resolves when the agent took the welcome; rejects when the link ended before. */
  readonly welcomed: Promise<void>;
}

export interface LinksOptions {
  readonly authority: Authority;
  readonly gateName: string;
  /** Of this program, for the agent's log. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly bounds: {
    readonly pingIntervalMs: number;
    readonly peerDeadAfterMs: number;
    readonly firstRequestTimeoutMs: number;
    readonly controlRequestTimeoutMs: number;
  };
  readonly onLost: (link: string) => void;
}

interface Entry extends LiveLink {
  readonly id: LinkId;
  /** What the authority said; it has to hear the end of a link that it accepted. */
  accepted?: { readonly device: string; readonly linkNonce: string };
  isUp: boolean;
  isOver: boolean;
  endReason?: LinkEnd;
  /** The newest lease not yet sent; an older one that it overtook is worth nothing. */
  nextLease?: string;
  isLeasing: boolean;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #entries = new Map<string, Entry>();
  #comeBack: ComeBack | undefined;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** For the registration: the links that the authority accepted. */
  get carried(): RegisterBody['links'] {
    return [...this.#entries.values()].flatMap(({ id, accepted }) =>
      accepted === undefined ? [] : [{ link: id, ...accepted }],
    );
  }

  get count(): number {
    return this.#entries.size;
  }

  find(link: string): LiveLink | undefined {
    const entry = this.#entries.get(link);
    return entry?.session.isOpen === true ? entry : undefined;
  }

  /** Brings a link up, or ends it. Resolves in both cases. */
  async arrive(arrival: Arrival): Promise<void> {
    const { clock, bounds, random, log } = this.#options;
    const session = openLinkClient(arrival.socket, {
      clock,
      pingIntervalMs: bounds.pingIntervalMs,
      peerDeadAfterMs: bounds.peerDeadAfterMs,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Nobody may be waiting for the welcome of a link that fails.
    promise.catch(() => undefined);
    const id = newId('lnk', random.bytes(16));
    const entry: Entry = { id, session, welcomed: promise, isUp: false, isOver: false, isLeasing: false };
    this.#entries.set(id, entry);
    void this.#watch(entry, () => reject(new SallyportError('device_offline', 'the link ended')));
    if (this.#comeBack !== undefined) return void session.close(this.#comeBack);
    try {
      const device = await this.#welcome(entry, arrival);
      resolve();
      log.info({ link: id, device }, 'a link is up');
      this.#lease(entry);
    } catch (error) {
      log.warn({ link: id, device: arrival.peer.id, error: wordsOf(error) }, 'a link was not opened');
      entry.endReason ??= 'protocol';
      void session.close();
    }
  }

  async #watch(entry: Entry, giveUp: () => void): Promise<void> {
    const end = await entry.session.closed;
    giveUp();
    this.#lost(entry, end);
  }

  async #welcome(entry: Entry, arrival: Arrival): Promise<string> {
    const { authority, bounds } = this.#options;
    const hello = await this.#hello(entry.session);
    const accepted = await authority.acceptLink({
      link: entry.id,
      certificate: arrival.certificate,
      remoteAddress: arrival.remoteAddress,
      hello,
    });
    entry.accepted = { device: accepted.device, linkNonce: hello.linkNonce };
    if (entry.isOver) this.#reportClosed(entry);
    await entry.session.ask({
      path: '/welcome',
      body: JSON.stringify(welcomeBody(accepted)),
      answerWithinMs: bounds.controlRequestTimeoutMs,
    });
    entry.isUp = true;
    return accepted.device;
  }

  async #hello(session: ClientSession): Promise<Hello> {
    const { gateName, version, bounds } = this.#options;
    const answer = await session.ask({
      path: '/hello',
      body: JSON.stringify({ versions: [linkVersion], gate: gateName, version }),
      answerWithinMs: bounds.firstRequestTimeoutMs,
    });
    return readHello(answer.body);
  }

  /** A lease order. */
  lease(link: string, lease: string): void {
    const entry = this.#entries.get(link);
    if (entry === undefined) return;
    entry.nextLease = lease;
    this.#lease(entry);
  }

  #lease(entry: Entry): void {
    const { nextLease } = entry;
    if (nextLease === undefined || !entry.isUp || entry.isLeasing || !entry.session.isOpen) return;
    delete entry.nextLease;
    entry.isLeasing = true;
    entry.session
      .ask({ path: '/lease', body: nextLease })
      .catch((error: unknown) =>
        this.#options.log.warn({ link: entry.id, error: wordsOf(error) }, 'a lease was not taken'),
      )
      .finally(() => {
        entry.isLeasing = false;
        this.#lease(entry);
      });
  }

  /** At once, with everything that it carries. */
  close(link: string, reason: LinkEnd): void {
    const entry = this.#entries.get(link);
    if (entry === undefined) return;
    entry.endReason ??= reason;
    entry.session.abort(new SallyportError('unavailable', `the link was closed: ${reason}`));
  }

  /** GOAWAY to all, with a time to come back; what lives on them may finish. Resolves when all are gone. */
  async drain(comeBack: ComeBack): Promise<void> {
    this.#comeBack = comeBack;
    const ends: Promise<unknown>[] = [];
    for (const entry of this.#entries.values()) {
      entry.endReason ??= 'drain';
      ends.push(entry.session.close(comeBack));
    }
    await Promise.all(ends);
  }

  abort(): void {
    for (const link of this.#entries.keys()) this.close(link, 'gate_stopped');
  }

  #lost(entry: Entry, end: SessionEnd): void {
    entry.isOver = true;
    entry.endReason ??= linkEndOf(end);
    this.#entries.delete(entry.id);
    this.#options.log.info({ link: entry.id, reason: entry.endReason }, 'a link ended');
    this.#options.onLost(entry.id);
    if (entry.accepted !== undefined) this.#reportClosed(entry);
  }

  #reportClosed(entry: Entry): void {
    this.#options.authority.report({
      path: '/gate/links/closed',
      body: { link: entry.id, reason: entry.endReason ?? 'lost' },
    });
  }
}

function welcomeBody(accepted: LinkAccepted): Pick<LinkAccepted, 'welcome' | 'keyset' | 'lease'> {
  const { welcome, keyset, lease } = accepted;
  return { welcome, keyset, lease };
}

function readHello(body: Uint8Array): Hello {
  const fields = parseJsonObject(Buffer.from(body).toString('utf8')) ?? {};
  if (fields['version'] !== linkVersion) {
    throw new SallyportError(
      'version_unsupported',
      `the agent speaks link version "${String(fields['version']).slice(0, 20)}", this gate speaks "${linkVersion}"`,
      { next: 'install the version of sallyport that the broker runs on the device' },
    );
  }
  const hello = complete<Hello>({
    version: linkVersion,
    agentVersion: text(fields, 'agentVersion'),
    linkNonce: text(fields, 'linkNonce'),
    stateEpoch: whole(fields, 'stateEpoch'),
    platform: text(fields, 'platform'),
  });
  if (hello === undefined || !/^[A-Za-z0-9_-]{43}$/.test(hello.linkNonce)) {
    throw new SallyportError('invalid', "the agent's hello has another form");
  }
  return hello;
}

function linkEndOf(end: SessionEnd): LinkEnd {
  switch (end.reason) {
    case 'peer_closed':
      return 'agent_closed';
    case 'flood':
    case 'silent':
    case 'protocol':
      return 'protocol';
    case 'closed':
    case 'aborted':
    case 'dead':
    case 'socket':
      return 'lost';
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
