// The authority's api in one process, for flows: every call goes through app.inject, with the caller's
// certificate as if TLS had checked it. People and devices come in by the real door: invite, redeem.

import { generateKeyPairSync, randomUUID, X509Certificate, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Invited, Redeemed } from '../../src/api/enrollments.ts';
import type { Connection } from '../../src/authority/api/connection.ts';
import { buildApi, type Api, type ApiOptions } from '../../src/authority/api/server.ts';
import type { AuthorityContext } from '../../src/authority/context.ts';
import type { TicketSources } from '../../src/authority/tickets/sources.ts';
import { createFirstInvite } from '../../src/authority/enroll/first-invite.ts';
import type { Role } from '../../src/core/identity.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { createLog } from '../../src/platform/log.ts';
import { sha256, signStatement, keyId } from '../../src/wire/signed.ts';
import { makeWorld, type World } from './authority-world.ts';

export interface Peer {
  readonly id: string;
  readonly name: string;
  readonly key: KeyObject;
  readonly redeemed: Redeemed;
  certificate: X509Certificate;
}

export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
  readonly text: string;
  readonly type: string;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly sourceIp?: string;
  readonly key?: string;
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiWorld extends World {
  readonly api: Api;
  readonly admin: Peer;
  /** Every line that the operational log got. */
  readonly lines: string[];
  call<T = Record<string, unknown>>(
    peer: Peer | undefined,
    request: string,
    options?: CallOptions,
  ): Promise<Reply<T>>;
}

const peerHeader = 'x-test-peer';
const addressHeader = 'x-test-address';
const browserHeader = 'x-test-browser';

export async function makeApiWorld(
  policy?: string | null,
  options: Pick<ApiOptions, 'issuerKeys' | 'providers'> & {
    readonly ticketSources?: TicketSources;
    /** Where the clock starts, Unix ms: beside programs that have only the real time. */
    readonly now?: number;
  } = {},
): Promise<ApiWorld> {
  const { ticketSources, now, ...apiOptions } = options;
  const base = await makeWorld(policy, ticketSources, now);
  const lines: string[] = [];
  const log = await createLog({
    component: 'authority',
    level: 'debug',
    destination: { write: (line) => lines.push(line) },
  });
  const ctx: AuthorityContext = { ...base.ctx, log };
  const certificates = new Map<string, X509Certificate>();
  const connectionOf = (request: IncomingMessage): Connection => ({
    certificate: certificates.get(String(request.headers[peerHeader])),
    isBrowsers: request.headers[browserHeader] !== undefined,
    sourceIp: String(request.headers[addressHeader]),
  });
  const api = await buildApi(ctx, { connectionOf, ...apiOptions });

  const exchange = async (
    peer: Peer | undefined,
    request: string,
    options: CallOptions = {},
  ): Promise<Reply<unknown>> => {
    const [method = '', url = ''] = request.split(' ');
    const handle = randomUUID();
    if (peer !== undefined) certificates.set(handle, peer.certificate);
    const payload = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await api.app.inject({
      method: method as 'GET' | 'POST' | 'DELETE',
      url,
      headers: {
        [peerHeader]: handle,
        [addressHeader]: options.sourceIp ?? '192.0.2.1',
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
        ...options.headers,
      },
      ...(payload === undefined ? {} : { payload }),
    });
    certificates.delete(handle);
    return {
      status: response.statusCode,
      body: JSON.parse(response.body) as unknown,
      text: response.body,
      type: String(response.headers['content-type']),
    };
  };
  // The caller of a test says what the answer is taken for; the test then checks it.
  const call = exchange as ApiWorld['call'];
  const world = { ...base, ctx, api, lines, call };
  const token = await createFirstInvite(ctx);
  if (token === undefined) throw new Error('no first invite');
  const admin = await redeemAs(world, token);
  return {
    ...world,
    admin,
    async close() {
      await api.close();
      await base.close();
    },
  };
}

type Door = Pick<ApiWorld, 'call' | 'ctx'>;

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

export async function redeem(
  door: Door,
  token: string,
  options: CallOptions & { readonly privateKey?: KeyObject } = {},
): Promise<Reply> {
  const csr = await createCsr(options.privateKey ?? newKey());
  return await door.call(undefined, 'POST /v1/enrollments/redeem', { ...options, body: { token, csr } });
}

export async function redeemAs(door: Door, token: string, privateKey = newKey()): Promise<Peer> {
  const reply = await redeem(door, token, { privateKey });
  if (reply.status !== 200) throw new Error(reply.text);
  const redeemed = reply.body as unknown as Redeemed;
  const certificate = new X509Certificate(redeemed.certificate);
  return { id: redeemed.id, name: redeemed.name, key: privateKey, redeemed, certificate };
}

export async function join(world: ApiWorld, name: string, site = 'lyon'): Promise<Peer> {
  const body = { name, labels: { site } };
  const invited = await world.call<Invited>(world.admin, 'POST /v1/devices/invitations', { body });
  return await redeemAs(world, invited.body.token);
}

export async function signIn(
  world: ApiWorld,
  name: string,
  roles: readonly Role[] = ['operator'],
): Promise<Peer> {
  const body = { name, roles };
  const invited = await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body });
  return await redeemAs(world, invited.body.token);
}

/** A renewal request as an agent signs it. */
export async function renewal(
  device: Peer,
  state: {
    readonly n: number;
    readonly secret: string;
    readonly nextSecret: string;
    readonly proof?: string | undefined;
  },
  key: KeyObject = device.key,
): Promise<string> {
  const payload = {
    device: device.id,
    n: state.n,
    secret: state.secret,
    nextSecretHash: sha256(state.nextSecret),
    csr: await createCsr(device.key),
    ...(state.proof === undefined ? {} : { proof: state.proof }),
  };
  return signStatement('renewal', payload, { kid: keyId(device.certificate.publicKey), privateKey: key });
}

/** In order of number, for races whose winner does not matter. */
export function statuses(replies: readonly Pick<Reply, 'status'>[]): readonly number[] {
  return replies.map((reply) => reply.status).sort((a, b) => a - b);
}
