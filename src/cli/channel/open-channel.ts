// From a target to a running channel: the session is opened at the api while TLS to the gate's channel
// port is being set up, then one request opens the channel. No round trip more than that: start to exit
// of "exec -- true" is the product's first impression.

import { connect, type TLSSocket } from 'node:tls';
import type { SessionOpened } from '../../api/sessions.ts';
import { paramsToJson, type ChannelParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import { canonicalJson, type JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { formatTarget, parseTarget } from '../../core/target.ts';
import { parseAddress, serverName } from '../../link/address.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { readProblem, type ClientSession } from '../../link/client-session.ts';
import { openChannelClient } from '../../link/session.ts';
import { describeTlsFault } from '../../link/tls-fault.ts';
import type { Open } from '../../wire/pass.ts';
import { jsonHash, signStatement } from '../../wire/signed.ts';
import { serverKindCheck } from '../../wire/tls-peer.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';

const channelProtocol = 'sallyport-channel';
const channelVersion = '1';

export interface OpenedChannel {
  readonly session: SessionOpened['session'];
  readonly banner: string | undefined;
  readonly stream: ByteStream;
  /** Ends the connection; the session ends with it. */
  close(): void;
}

export interface ChannelRequest {
  readonly target: string;
  readonly params: ChannelParams;
  readonly forMs: number | undefined;
  /** Called between the decision and the channel's first byte. */
  readonly onOpened?: (opened: SessionOpened) => void;
}

export async function openChannel(me: SignIn, request: ChannelRequest): Promise<OpenedChannel> {
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
      },
    });
    request.onOpened?.(opened);
    const client = await gate.client;
    const stream = await openStream(client, me, { target, opened, params: request.params });
    return {
      session: opened.session,
      banner: opened.banner,
      stream,
      close: () => gate.socket.destroy(),
    };
  } catch (error) {
    gate.socket.destroy();
    throw error;
  }
}

/** As policy knows it. Throws `invalid`. */
export function readTarget(typed: string): string {
  const target = parseTarget(typed);
  if (target !== undefined) return formatTarget(target);
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not a target`, {
    next: 'write a device as "devices ls" shows it: lower-case letters, digits and hyphens',
  });
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

interface GateConnection {
  readonly socket: TLSSocket;
  readonly client: Promise<ClientSession>;
}

function connectToGate(me: SignIn): GateConnection {
  const { host, port } = parseAddress(me.broker);
  const socket = connect({
    host,
    port,
    servername: serverName(host),
    ca: me.root,
    key: me.keyPem,
    cert: me.certificate,
    ALPNProtocols: [channelProtocol],
    minVersion: 'TLSv1.3',
    checkServerIdentity: serverKindCheck('gate', me.trustDomain),
  });
  socket.setNoDelay(true);
  const client = new Promise<ClientSession>((resolve, reject) => {
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(
        new SallyportError('unavailable', `"${me.broker}" did not finish the handshake in time`, {
          next: 'check the network, and that the broker runs',
        }),
      );
    }, limits.tlsHandshakeTimeoutMs);
    socket.once('secureConnect', () => {
      clearTimeout(deadline);
      resolve(openChannelClient(socket));
    });
    socket.on('error', (error) => {
      clearTimeout(deadline);
      reject(describeTlsFault(error, me.broker));
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      reject(
        new SallyportError('unavailable', `"${me.broker}" closed the connection`, { next: 'try again' }),
      );
    });
  });
  return { socket, client };
}

interface StreamRequest {
  readonly target: string;
  readonly opened: SessionOpened;
  readonly params: ChannelParams;
}

async function openStream(client: ClientSession, me: SignIn, request: StreamRequest): Promise<ByteStream> {
  const { target, opened } = request;
  const params: ChannelParams =
    opened.user === undefined || request.params.kind === 'tcp'
      ? request.params
      : { ...request.params, user: opened.user };
  const json = paramsToJson(params);
  const open: Open = {
    session: opened.session.id,
    n: 1,
    kind: params.kind,
    target,
    paramsHash: jsonHash(json),
    linkNonce: opened.linkNonce,
    spki: me.spki,
  };
  const signer = { kid: me.kid, privateKey: me.key };
  const answer = await client.request({
    path: `/channels/${params.kind}`,
    headers: {
      'sallyport-version': channelVersion,
      'sallyport-session': opened.session.id,
      'sallyport-open': signStatement('open', open as unknown as JsonObject, signer),
      'sallyport-params': Buffer.from(canonicalJson(json)).toString('base64url'),
    },
  });
  if (answer.status !== 200) throw await readProblem(answer);
  return answer.stream;
}
