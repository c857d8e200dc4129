// One TLS handshake to look at: what is shown to somebody who asks as an agent would. Trusts nobody and shows
// no certificate; only the caller knows whether the answer was good enough to go on with the socket.

import { linkAlpn, publicAlpn } from '../../wire/alpn.ts';
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { SallyportError } from '../../core/errors.ts';
import type { PeerKind } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { dialBroker } from '../../link/dial.ts';
import type { OutboundProxy } from '../../link/outbound-proxy.ts';
import { presentedChain } from '../../wire/chain.ts';

export interface Door {
  /** As the agent offers it. */
  readonly alpn: string;
  /** Who has to answer there. */
  readonly kind: PeerKind;
}

/** The gate's end of links, and the authority's end for whoever has no certificate yet. */
export const linkDoor: Door = { alpn: linkAlpn, kind: 'gate' };
export const apiDoor: Door = { alpn: publicAlpn, kind: 'authority' };

export type Shown =
  | {
      readonly protocol: string | null;
      /** What the server agreed on, if anything. */
      readonly alpn: string | false | null;
      readonly chain: readonly X509Certificate[];
    }
  | { readonly fault: SallyportError; readonly code: string };

export interface Looked {
  readonly shown: Shown;
  /** Open, where there was a handshake. */
  readonly socket?: TLSSocket;
}

export async function lookAt(
  door: Door,
  way: { readonly address: string; readonly proxy: OutboundProxy | undefined },
): Promise<Looked> {
  try {
    const socket = await dialBroker({
      ...way,
      alpn: door.alpn,
      // What speaks an older version only is no broker, and its certificate says what it is.
      tls: { rejectUnauthorized: false, minVersion: 'TLSv1.2' },
      timeoutMs: limits.preflightStepMs,
    });
    socket.on('error', () => undefined);
    const shown = {
      protocol: socket.getProtocol(),
      alpn: socket.alpnProtocol,
      chain: presentedChain(socket),
    };
    return { shown, socket };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return { shown: { fault: error, code: codeOf(error.cause) } };
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
