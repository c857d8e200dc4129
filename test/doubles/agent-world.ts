// A broker for the agent's tests: one port, at which a gate double (built from the gate's own link code)
// welcomes the agent and opens channels, and an api double takes receipts and renewals. The authority's
// statements are really signed, so a test can make any of them wrong.

import { rm } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { runAgent, type RunAgentOptions } from '../../src/agent/agent.ts';
import type { AgentState } from '../../src/agent/state.ts';
import { paramsToJson, type ChannelParams } from '../../src/core/channel.ts';
import { newId } from '../../src/core/ids.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import type { Answer, ClientSession, FullAnswer } from '../../src/link/client-session.ts';
import { openLinkClient } from '../../src/link/session.ts';
import { generateP256, spkiOf } from '../../src/platform/keys.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import {
  keyId,
  sha256,
  signStatement,
  spkiThumbprint,
  type Purpose,
  type Signer,
} from '../../src/wire/signed.ts';
import { joinDevice, newStatements } from './statements.ts';
import { createTestCa, type TestCa, type TestLeaf } from './test-ca.ts';

export interface GateLink {
  readonly client: ClientSession;
  readonly socket: TLSSocket;
  readonly linkNonce: string;
  /** Says the welcome; changes go into its statements. */
  welcome(changes?: WelcomeChanges): Promise<FullAnswer>;
  /** Sends a lease with the next number. */
  lease(sessions: readonly string[], changes?: JsonObject): Promise<FullAnswer>;
  /** Opens a channel as an honest gate would; changes make it dishonest. */
  open(params: ChannelParams, changes?: OpenChanges): Promise<Answer>;
}

export interface WelcomeChanges {
  readonly welcome?: JsonObject;
  readonly keyset?: JsonObject;
  readonly lease?: JsonObject;
  /** Signs welcome and lease instead of the authority. */
  readonly signer?: KeyObject;
}

export interface OpenChanges {
  readonly session?: string;
  readonly n?: number;
  readonly kind?: string;
  readonly pass?: JsonObject;
  readonly open?: JsonObject;
  /** Text of the parameters that are sent. */
  readonly params?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly withoutOpen?: boolean;
  /** The agent said that its answer will take longer. */
  readonly onWaiting?: (wait: string) => void;
  /** The operator leaves. */
  readonly signal?: AbortSignal;
}

export interface AgentWorld {
  readonly ca: TestCa;
  readonly address: string;
  readonly stateDir: string;
  readonly state: AgentState;
  readonly deviceKey: KeyObject;
  readonly operator: KeyObject;
  /** Bodies of what the agent said to the api, by path. */
  readonly told: { readonly path: string; readonly body: Readonly<Record<string, unknown>> }[];
  /** The next link that an agent makes, after its hello. */
  nextLink(): Promise<GateLink>;
  /** The next thing told to the api at this path. */
  nextTold(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Starts the real agent in this process. */
  start(options?: Partial<RunAgentOptions>): RunningAgent;
  sign(purpose: Purpose, payload: JsonObject): string;
  answer: { api: (path: string, body: Readonly<Record<string, unknown>>) => ApiReply | Promise<ApiReply> };
  close(): Promise<void>;
}

export interface ApiReply {
  readonly status: number;
  readonly body: object;
}

export interface RunningAgent {
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  /** Of the gate's certificate. */
  readonly gateLeaf?: (ca: TestCa) => Promise<TestLeaf>;
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export function sessionName(): string {
  return newId('ses', systemRandom.bytes(16));
}

export function exec(...argv: string[]): ChannelParams {
  return { kind: 'exec', argv, env: {} };
}

export async function startAgentWorld(options: WorldOptions = {}): Promise<AgentWorld> {
  const ca = await createTestCa();
  const operator = generateP256();
  const statements = newStatements(ca);
  const gateLeaf = await (options.gateLeaf?.(ca) ?? ca.leaf('gate', 'gate-1'));
  const apiLeaf = await ca.leaf('authority', 'authority');

  const links: GateLink[] = [];
  const linkWaiters: ((link: GateLink) => void)[] = [];
  const told: { path: string; body: Readonly<Record<string, unknown>> }[] = [];
  const toldWaiters: { path: string; resolve: (body: Readonly<Record<string, unknown>>) => void }[] = [];
  let toldRead = new Map<string, number>();
  const answer: AgentWorld['answer'] = { api: () => ({ status: 200, body: { done: true } }) };

  const common = { ca: ca.root, requestCert: true, minVersion: 'TLSv1.2' as const };
  const linkServer = createTlsServer(
    {
      ...common,
      ...gateLeaf,
      ALPNProtocols: ['sallyport-link'],
      ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    },
    (socket) => {
      void greet(socket).then(
        (link) => {
          const waiter = linkWaiters.shift();
          if (waiter === undefined) links.push(link);
          else waiter(link);
        },
        () => socket.destroy(),
      );
    },
  );
  linkServer.on('tlsClientError', () => undefined);
  const api: HttpServer = createHttpServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Readonly<Record<string, unknown>>;
      const path = request.url ?? '';
      const reply = await answer.api(path, body);
      response
        .writeHead(reply.status, { 'content-type': 'application/json' })
        .end(JSON.stringify(reply.body));
      told.push({ path, body });
      const at = toldWaiters.findIndex((waiter) => waiter.path === path);
      if (at === -1) return;
      toldRead.set(path, (toldRead.get(path) ?? 0) + 1);
      toldWaiters.splice(at, 1)[0]?.resolve(body);
    })();
  });
  const apiServer = createTlsServer(
    // The root comes along, for a first contact.
    {
      ...common,
      ...apiLeaf,
      cert: apiLeaf.cert + ca.root,
      ALPNProtocols: ['sallyport-api', 'sallyport-public'],
      rejectUnauthorized: false,
    },
    (socket) => void api.emit('connection', socket),
  );
  apiServer.on('tlsClientError', () => undefined);

  const sockets = new Set<Socket>();
  const door: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    socket.once('data', (hello: Buffer) => {
      socket.pause();
      socket.unshift(hello);
      (hello.includes('sallyport-link') ? linkServer : apiServer).emit('connection', socket);
    });
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const bound = door.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const address = `127.0.0.1:${port}`;

  const { stateDir, state, key: deviceKey } = await joinDevice(ca, statements, address);
  const { deviceId: device } = state;

  async function greet(socket: TLSSocket): Promise<GateLink> {
    const client = openLinkClient(socket);
    const hello = await client.ask({
      path: '/hello',
      body: JSON.stringify({ versions: [1], gate: 'gate-1', version: '0' }),
    });
    const { linkNonce } = JSON.parse(hello.body.toString('utf8')) as { linkNonce: string };
    let seq = 0;
    let number = 0;
    const about = { device, linkNonce };
    const lease = (sessions: readonly string[], changes?: JsonObject, by?: Signer): string =>
      statements.lease({ ...about, seq: (seq += 1), sessions }, changes, by);
    return {
      client,
      socket,
      linkNonce,
      welcome({ signer, ...changes } = {}) {
        const by =
          signer === undefined ? undefined : { kid: keyId(createPublicKey(signer)), privateKey: signer };
        return client.ask({
          path: '/welcome',
          body: JSON.stringify({
            welcome: statements.welcome(about, changes.welcome, by),
            keyset: statements.keyset(changes.keyset),
            lease: lease([], changes.lease, by),
          }),
        });
      },
      lease: (sessions, changes) => client.ask({ path: '/lease', body: lease(sessions, changes) }),
      open(params, changes = {}) {
        const text = canonicalJson(paramsToJson(params));
        const shared = {
          session: changes.session ?? sessionName(),
          n: changes.n ?? number++,
          kind: params.kind,
          target: 'pump-7',
          paramsHash: sha256(text),
          linkNonce,
        };
        const facts = { ...shared, device, cnf: spkiThumbprint(operator.publicKey), leaseSeq: seq };
        const pass = statements.pass(facts, changes.pass);
        const open = signStatement(
          'open',
          { ...shared, spki: spkiOf(operator.publicKey).toString('base64url'), ...changes.open },
          { kid: keyId(operator.publicKey), privateKey: operator.privateKey },
        );
        return client.request({
          path: `/channels/${changes.kind ?? params.kind}`,
          headers: {
            'sallyport-pass': pass,
            ...(changes.withoutOpen === true ? {} : { 'sallyport-open': open }),
            'sallyport-params': Buffer.from(changes.params ?? text).toString('base64url'),
            ...changes.headers,
          },
          ...(changes.onWaiting === undefined ? {} : { onWaiting: changes.onWaiting }),
          ...(changes.signal === undefined ? {} : { signal: changes.signal }),
        });
      },
    };
  }

  const agents: RunningAgent[] = [];
  return {
    ca,
    address,
    stateDir,
    state,
    deviceKey,
    operator: operator.privateKey,
    told,
    answer,
    sign: (purpose, payload) => statements.sign(purpose, payload),
    nextLink() {
      const link = links.shift();
      return link === undefined
        ? new Promise((resolve) => void linkWaiters.push(resolve))
        : Promise.resolve(link);
    },
    nextTold(path) {
      const read = toldRead.get(path) ?? 0;
      const known = told.filter((entry) => entry.path === path)[read];
      if (known === undefined) return new Promise((resolve) => void toldWaiters.push({ path, resolve }));
      toldRead = new Map(toldRead).set(path, read + 1);
      return Promise.resolve(known.body);
    },
    start(more = {}) {
      const stop = new AbortController();
      const done = runAgent({
        state: stateDir,
        version: '0.1.0',
        signal: stop.signal,
        log: silentLog,
        ...more,
      });
      const agent = {
        done,
        async stop() {
          stop.abort();
          await done;
        },
      };
      agents.push(agent);
      return agent;
    },
    async close() {
      for (const agent of agents) await agent.stop();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => door.close(resolve));
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
