// The authority's control socket as the gate sees it (docs/protocol.md, "Control"), with answers that a
// test sets and orders that it gives. Bodies are kept as they came. Two bare sockets stand for the api.

import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toProblem } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { Ask, ChannelAccepted, ChannelBody, LinkBody, Order } from '../../src/wire/control.ts';
import { LineReader } from '../../src/wire/lines.ts';
import type { TestCa } from './test-ca.ts';

export interface Told {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Answers {
  /** Throw a SallyportError to refuse. */
  link(body: LinkBody): Promise<object> | object;
  channel(body: ChannelBody): Promise<ChannelAccepted> | ChannelAccepted;
  register(body: Readonly<Record<string, unknown>>): object;
}

export class FakeAuthority {
  readonly folder: string;
  readonly answers: Answers;
  /** Every request but registrations' csr, in order. */
  readonly told: Told[] = [];
  /** False: what comes is answered and forgotten, for tests that count memory. */
  remembers = true;
  /** Connections that reached the sockets of the api and of browsers. */
  readonly api: Socket[] = [];
  readonly apiMtls: Socket[] = [];
  readonly web: Socket[] = [];
  onApi: (socket: Socket) => void = () => undefined;
  onTold: (told: Told) => void = () => undefined;
  readonly #ca: TestCa;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #waiting = new Set<() => void>();
  #orders: ServerHttp2Stream | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #server: ReturnType<typeof createServer> | undefined;
  readonly #apiServers: ReturnType<typeof createNetServer>[] = [];

  constructor(ca: TestCa, folder: string) {
    this.#ca = ca;
    this.folder = folder;
    this.answers = {
      link: (body) => ({
        device: 'dev_1',
        name: 'pump-7',
        linkEpoch: 1,
        welcome: 'welcome.w',
        keyset: 'keyset.k',
        lease: `lease.${body.link}`,
      }),
      channel: () => {
        throw new Error('this test opens no channel');
      },
      register: () => ({}),
    };
  }

  static async start(ca: TestCa): Promise<FakeAuthority> {
    const authority = new FakeAuthority(ca, await mkdtemp(join(tmpdir(), 'sallyport-gate-')));
    await authority.listen();
    for (const [name, list] of [
      ['api.sock', authority.api],
      ['web.sock', authority.web],
      ['api-mtls.sock', authority.apiMtls],
    ] as const) {
      const server = createNetServer({ allowHalfOpen: true }, (socket) => {
        list.push(socket);
        socket.on('error', () => undefined);
        authority.#changed();
        authority.onApi(socket);
      });
      server.listen(join(authority.folder, name));
      await once(server, 'listening');
      authority.#apiServers.push(server);
    }
    return authority;
  }

  get sockets() {
    return {
      controlSocket: join(this.folder, 'control.sock'),
      apiSocket: join(this.folder, 'api.sock'),
      apiMtlsSocket: join(this.folder, 'api-mtls.sock'),
      webSocket: join(this.folder, 'web.sock'),
    };
  }

  /** Once more after stop(): a restarted authority. */
  async listen(): Promise<void> {
    const server = createServer({ settings: { maxConcurrentStreams: 10_000 } });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.once('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      this.#serve(stream, headers[':path'] ?? '');
    });
    await rm(this.sockets.controlSocket, { force: true });
    server.listen(this.sockets.controlSocket);
    await once(server, 'listening');
    this.#server = server;
  }

  /** As kill -9 does: every connection breaks, the socket is gone. */
  stop(): void {
    this.silence();
    for (const session of this.#sessions) session.destroy();
    this.#server?.close();
    this.#orders = undefined;
  }

  async close(): Promise<void> {
    this.stop();
    for (const server of this.#apiServers) server.close();
    for (const socket of [...this.api, ...this.apiMtls]) socket.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  order(order: Order): void {
    this.#orders?.write(`${JSON.stringify(order)}\n`);
  }

  /** No heartbeat from now on; connections stay. */
  silence(): void {
    clearInterval(this.#heartbeat);
  }

  get hasOrders(): boolean {
    return this.#orders !== undefined;
  }

  toldOf(path: string): readonly Told['body'][] {
    return this.told.filter((one) => one.path === path).map((one) => one.body);
  }

  /** Resolves when the condition holds; looked at whenever anything arrives here. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    if (path === '/gate/orders') return this.#startOrders(stream);
    stream.respond({ ':status': 200 });
    const reader = new LineReader(limits.apiBodyMaxBytes);
    stream.on('data', (chunk: Uint8Array) => {
      for (const line of reader.push(chunk) ?? []) void this.#answer(stream, JSON.parse(line) as Ask);
    });
  }

  async #answer(stream: ServerHttp2Stream, { id, path, body }: Ask): Promise<void> {
    if (this.remembers) this.told.push(...toldIn(path, body));
    this.#changed();
    const answer = await this.#find(path, body).then(
      (found) => ({ id, body: found ?? {} }),
      (error: unknown) => ({ id, problem: toProblem(error) }),
    );
    if (!stream.destroyed) stream.write(`${JSON.stringify(answer)}\n`);
    this.#changed();
  }

  async #find(path: string, body: Readonly<Record<string, unknown>>): Promise<object | undefined> {
    switch (path) {
      case '/gate/register':
        return {
          certificate: await this.#ca.chainFor(String(body['csr']), 'gate', 'gate-1'),
          root: this.#ca.root,
          trustDomain: this.#ca.trustDomain,
          env: this.#ca.env,
          apiHosts: ['broker.example'],
          closeLinks: [],
          cutSessions: [],
          ...this.answers.register(body),
        };
      case '/gate/certificate':
        return {
          certificate: await this.#ca.chainFor(String(body['csr']), 'gate', 'gate-1'),
          root: this.#ca.root,
        };
      case '/gate/links':
        return await this.answers.link(body as unknown as LinkBody);
      case '/gate/channels':
        return await this.answers.channel(body as unknown as ChannelBody);
      default:
        return undefined;
    }
  }

  #startOrders(stream: ServerHttp2Stream): void {
    stream.respond({ ':status': 200 });
    stream.resume();
    this.#orders = stream;
    const beat = (): void => this.order({ type: 'heartbeat', time: Date.now(), lockVersion: 1 });
    beat();
    this.#heartbeat = setInterval(beat, 100);
    stream.once('close', () => clearInterval(this.#heartbeat));
    this.#changed();
  }
}

/** Ends of channels come several at a time; they are kept one by one. */
function toldIn(path: string, body: Told['body']): readonly Told[] {
  const { channels, ...rest } = body;
  if (!Array.isArray(channels)) return [{ path, body }];
  return channels.map((channel: object) => ({ path, body: { ...rest, ...channel } }));
}
