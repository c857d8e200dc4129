// The one dial to the broker: TLS 1.3 over TCP, straight or through an HTTP proxy. The agent's link, the
// operator's channels, first contact and every api request come through here; whom to believe at the other
// end is the caller's to say. The start of each command pays for what this file imports.

import type { Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseAddress, serverName, type Address } from './address.ts';
import type { OutboundProxy } from './outbound-proxy.ts';
import { describeTlsFault } from './tls-fault.ts';
import type { TunnelOptions } from './tunnel.ts';

export interface DialOptions {
  /** "host:port" of the broker; the port may be left out. */
  readonly address: string;
  /** Where it is, too: dialled in this order when it is not found at the address before. */
  readonly also?: readonly string[] | undefined;
  readonly proxy?: OutboundProxy | undefined;
  readonly alpn: string;
  readonly tls: Pick<
    ConnectionOptions,
    'ca' | 'key' | 'cert' | 'checkServerIdentity' | 'rejectUnauthorized' | 'minVersion'
  >;
  /** Gives up; its reason is what the caller hears. After the handshake the socket is the caller's. */
  readonly signal?: AbortSignal | undefined;
  /** For the handshake; a proxy has as long again to answer. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A socket after its handshake, with no listener left on it. Throws SallyportError with words: of the first
 * address, where it is found at none.
 */
export async function dialBroker(options: DialOptions): Promise<TLSSocket> {
  const { also = [] } = options;
  try {
    return await dialOne(options);
  } catch (error) {
    for (const address of also) {
      if (options.signal?.aborted === true) break;
      const socket = await dialOne({ ...options, address }).catch(() => undefined);
      if (socket !== undefined) return socket;
    }
    throw error;
  }
}

async function dialOne(options: DialOptions): Promise<TLSSocket> {
  const { address, proxy, alpn, tls, signal } = options;
  const target = parseAddress(address);
  const timeoutMs = options.timeoutMs ?? limits.tlsHandshakeTimeoutMs;
  // Without a proxy nothing is awaited: the first packet leaves in the caller's own turn.
  const way = proxy === undefined ? target : { socket: await tunnelTo(target, { proxy, signal, timeoutMs }) };
  return await new Promise((resolve, reject) => {
    const socket = connect({
      ...way,
      servername: serverName(target.host),
      ALPNProtocols: [alpn],
      minVersion: 'TLSv1.3',
      // What is pinned may be a root that another root signed (wire/roots.ts).
      allowPartialTrustChain: true,
      ...tls,
    });
    const settle = (error?: unknown): void => {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', settle).off('close', onClose).off('secureConnect', onSecure);
      if (error === undefined) {
        socket.setNoDelay(true);
        return resolve(socket);
      }
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error === signal?.reason ? error : describeTlsFault(error, address, proxy?.name));
    };
    const onSecure = (): void => settle();
    const onClose = (): void => settle(new Error('closed during the handshake'));
    const onAbort = (): void => settle(signal?.reason);
    const deadline = setTimeout(() => settle(late(address, timeoutMs)), timeoutMs);
    socket.once('secureConnect', onSecure).once('error', settle).once('close', onClose);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}

/** Loaded where there is a proxy only. */
async function tunnelTo(target: Address, options: Omit<TunnelOptions, 'target'>): Promise<Socket> {
  const { openTunnel } = await import('./tunnel.ts');
  return await openTunnel({ ...options, target });
}

function late(address: string, timeoutMs: number): SallyportError {
  return new SallyportError('unavailable', `"${address}" did not answer within ${timeoutMs / 1_000} s`, {
    next: 'check the network, and that the broker runs; "sallyport agent preflight" finds out what stands between',
  });
}
