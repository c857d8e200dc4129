// One session at the broker and one connection to its gate, for any number of channels: the session is
// opened at the api while TLS to the gate's channel port is being set up, then each channel is one request
// with an open of its own, signed here. No round trip more than that: start to exit of "exec -- true" is the
// product's first impression, and a forward opens thousands.

import { channelAlpn } from '../../wire/alpn.ts';
import type { SessionOpened } from '../../api/sessions.ts';
import { paramsToJson, type ChannelParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import { canonicalJson, type JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { formatTarget, parseTarget } from '../../core/target.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { readProblem, type ClientSession, type StartedRequest } from '../../link/client-session.ts';
import { dialBroker } from '../../link/dial.ts';
import { openChannelClient } from '../../link/session.ts';
import type { Open } from '../../wire/pass.ts';
import { jsonHash, signStatement } from '../../wire/signed.ts';
import { serverKindCheck } from '../../wire/tls-peer.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';
import { proxyTo } from '../proxy.ts';

const channelVersion = '1';
const signedAhead = 2;

export interface SessionRequest {
  readonly target: string;
  /** Of its channels. For a service of a device the broker says where it lies. */
  readonly params: ChannelParams;
  readonly forMs: number | undefined;
  readonly ticket?: string | undefined;
  /** How long a device that is away is waited for; not at all unless told. */
  readonly waitMs?: number | undefined;
  /** Called between the decision and the first channel. */
  readonly onOpened?: (opened: SessionOpened) => void;
}

export interface OperatorSession {
  readonly opened: SessionOpened;
  /** As every channel asks, unless it is given others. */
  readonly params: ChannelParams;
  /** One more channel; nothing is waited for. Throws when the connection is gone. */
  startChannel(params?: ChannelParams): StartedRequest;
  /** One more channel, after the yes. Throws the broker's or the device's no. */
  openChannel(params?: ChannelParams): Promise<ByteStream>;
  /** The connection to the gate is over, and with it the session. */
  readonly closed: Promise<unknown>;
  /** Ends the connection; the session ends with it. */
  readonly close: () => void;
}

export async function openSession(me: SignIn, request: SessionRequest): Promise<OperatorSession> {
  if (request.waitMs === undefined) return await openNow(me, request);
  const { openWhenBack } = await import('./await-device.ts');
  return await openWhenBack(me, request, {
    forMs: request.waitMs,
    open: async () => await openNow(me, request),
  });
}

async function openNow(me: SignIn, request: SessionRequest): Promise<OperatorSession> {
  try {
    return await openOnce(me, request);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    if (error.code === 'totp_required') {
      const { askCode } = await import('./ask-code.ts');
      return await openOnce(me, request, { totp: await askCode(error) });
    }
    if (error.code !== 'mfa_required') throw error;
    const { afterStepUp } = await import('./step-up.ts');
    const { target: typed, params } = request;
    const open = async (stepUp?: string): Promise<OperatorSession> =>
      await openOnce(me, request, stepUp === undefined ? {} : { stepUp });
    return await afterStepUp(me, error, { target: readTarget(typed), params, open });
  }
}

async function openOnce(
  me: SignIn,
  request: SessionRequest,
  shown: { readonly stepUp?: string; readonly totp?: string } = {},
): Promise<OperatorSession> {
  const target = readTarget(request.target);
  refuseLongParams(request.params);
  const gate = connectToGate(me);
  // Awaited below; a gate that fails first must not count as an unhandled rejection meanwhile.
  gate.client.catch(() => undefined);
  try {
    const opened = await call(me, 'POST /v1/sessions', {
      body: {
        target,
        params: { ...paramsToJson(request.params) },
        ...(request.forMs === undefined ? {} : { forMs: request.forMs }),
        ...(request.ticket === undefined ? {} : { ticket: request.ticket }),
        ...shown,
        ...actingUnder(),
      },
    });
    request.onOpened?.(opened);
    const client = await gate.client;
    const params = completed(request.params, opened);
    const openings = new Openings(client, me, { target, opened, params });
    return {
      opened,
      params,
      startChannel: (own) => openings.start(own),
      openChannel: (own) => openings.open(own),
      closed: client.closed,
      close: () => gate.destroy(),
    };
  } catch (error) {
    gate.destroy();
    throw error;
  }
}

/** SALLYPORT_DELEGATION: the delegation that this command acts under (docs/identity.md). */
export function actingUnder(): { readonly delegation?: string } {
  const delegation = process.env['SALLYPORT_DELEGATION'];
  return delegation === undefined || delegation === '' ? {} : { delegation };
}

/** As policy knows it. Throws `invalid`. */
export function readTarget(typed: string): string {
  const target = parseTarget(typed);
  if (target !== undefined) return formatTarget(target);
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not a target`, {
    next: 'write a device as "devices ls" shows it: lower-case letters, digits and hyphens',
  });
}

/** What the broker's answer adds: the OS user that policy names, the place of a service. */
function completed(params: ChannelParams, opened: SessionOpened): ChannelParams {
  if (params.kind === 'tcp') return { ...params, ...opened.destination };
  return opened.user === undefined ? params : { ...params, user: opened.user };
}

function refuseLongParams(params: ChannelParams): void {
  const size = Buffer.byteLength(canonicalJson(paramsToJson(params)));
  if (size <= limits.paramsMaxBytes) return;
  throw new SallyportError(
    'too_large',
    `the command has ${size} bytes, more than the ${limits.paramsMaxBytes} that travel`,
    {
      next: 'send the long part by standard input: … | sallyport exec TARGET -- sh',
    },
  );
}

interface Openable {
  readonly target: string;
  readonly opened: SessionOpened;
  readonly params: ChannelParams;
}

/** The channels of one session, numbered as they are asked for: the device takes no number twice. */
class Openings {
  readonly #client: ClientSession;
  readonly #me: SignIn;
  readonly #openable: Openable;
  readonly #usual: EncodedParams;
  #n = 0;
  /** Signed opens of the next channels, by their numbers: whoever forwards opens many of the same. */
  readonly #ahead = new Map<number, string>();
  #isWaitTold = false;

  constructor(client: ClientSession, me: SignIn, openable: Openable) {
    this.#client = client;
    this.#me = me;
    this.#openable = openable;
    this.#usual = encode(openable.params);
  }

  start(own?: ChannelParams): StartedRequest {
    const params = own === undefined ? this.#usual : encode(own);
    this.#n += 1;
    const ahead = params === this.#usual ? this.#ahead.get(this.#n) : undefined;
    this.#ahead.delete(this.#n);
    if (params.kind === 'tcp') setImmediate(() => this.#signAhead());
    return this.#client.start({
      path: `/channels/${params.kind}`,
      headers: {
        'sallyport-version': channelVersion,
        'sallyport-session': this.#openable.opened.session.id,
        'sallyport-open': ahead ?? this.#sign(this.#n, params),
        'sallyport-params': params.header,
      },
      onWaiting: () => this.#tellWait(),
    });
  }

  #sign(n: number, params: EncodedParams): string {
    const { target, opened } = this.#openable;
    const open: Open = {
      session: opened.session.id,
      n,
      kind: params.kind,
      target,
      paramsHash: params.hash,
      linkNonce: opened.linkNonce,
      spki: this.#me.spki,
    };
    return signStatement('open', open as unknown as JsonObject, {
      kid: this.#me.kid,
      privateKey: this.#me.key,
    });
  }

  /** While the last one is on its way, so that the next one does not wait for a signature. */
  #signAhead(): void {
    for (let n = this.#n + 1; n <= this.#n + signedAhead; n += 1) {
      if (!this.#ahead.has(n)) this.#ahead.set(n, this.#sign(n, this.#usual));
    }
  }

  /** The owner of the device is asked on site, which takes as long as it takes him to get there. */
  #tellWait(): void {
    if (this.#isWaitTold) return;
    this.#isWaitTold = true;
    const device = printable(this.#openable.opened.session.device.name);
    process.stderr.write(
      `sallyport: waiting for consent on "${device}": somebody there types "sallyport agent allow 30m"\n`,
    );
  }

  async open(own?: ChannelParams): Promise<ByteStream> {
    const answer = await this.start(own).answer;
    if (answer.status !== 200) throw await readProblem(answer);
    return answer.stream;
  }
}

interface EncodedParams {
  readonly kind: ChannelParams['kind'];
  readonly hash: string;
  readonly header: string;
}

function encode(params: ChannelParams): EncodedParams {
  const json = paramsToJson(params);
  const header = Buffer.from(canonicalJson(json)).toString('base64url');
  return { kind: params.kind, hash: jsonHash(json), header };
}

interface GateConnection {
  readonly client: Promise<ClientSession>;
  /** Also while it is still being made. */
  destroy(): void;
}

function connectToGate(me: SignIn): GateConnection {
  const stop = new AbortController();
  return {
    client: dialGate(me, stop.signal),
    destroy: () => stop.abort(new SallyportError('unavailable', 'the connection was given up')),
  };
}

async function dialGate(me: SignIn, signal: AbortSignal): Promise<ClientSession> {
  const { broker: address, also } = me;
  const socket = await dialBroker({
    address,
    also,
    proxy: await proxyTo(address),
    alpn: channelAlpn,
    tls: {
      ca: me.root,
      key: me.keyPem,
      cert: me.certificate,
      checkServerIdentity: serverKindCheck('gate', me.trustDomain),
    },
    signal,
  });
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  return openChannelClient(socket);
}
