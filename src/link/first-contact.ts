// First contact with a broker of which only the root's fingerprint is known (docs/protocol.md, "Tokens"):
// connect without trusting, take the chain, check it, hang up. Nothing is sent on this connection; the
// caller connects again with the root pinned. Shared by `agent join` and `login`.

import { publicAlpn } from '../wire/alpn.ts';
import type { X509Certificate } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { presentedChain, verifyFirstContact, type ChainFault } from '../wire/chain.ts';
import { dialBroker } from './dial.ts';
import type { OutboundProxy } from './outbound-proxy.ts';

export interface KnownBroker {
  /** PEM, to be pinned. */
  readonly root: string;
  readonly trustDomain: string;
  readonly env: string;
}

export interface FirstContactOptions {
  readonly address: string;
  readonly proxy?: OutboundProxy | undefined;
  readonly rootFingerprint: string;
  /** Unix ms, the local clock. */
  readonly now: number;
  readonly timeoutMs?: number;
}

/** Throws SallyportError with words when the broker is not the one of the token, or cannot be reached. */
export async function firstContact(options: FirstContactOptions): Promise<KnownBroker> {
  const chain = await chainOf(options);
  const { rootFingerprint, now } = options;
  const answer = verifyFirstContact(chain, { rootFingerprint, now, kind: 'authority' });
  if (!answer.ok) throw faultWords(answer.fault, options.address);
  return {
    root: answer.root.toString(),
    trustDomain: answer.peer.trustDomain,
    env: answer.peer.env,
  };
}

async function chainOf(options: FirstContactOptions): Promise<readonly X509Certificate[]> {
  const { address, proxy, timeoutMs } = options;
  // INVARIANT: this socket trusts nobody, and nothing of ours is ever written to it.
  const socket = await dialBroker({
    address,
    proxy,
    alpn: publicAlpn,
    tls: { rejectUnauthorized: false },
    timeoutMs,
  });
  socket.on('error', () => undefined);
  const chain = presentedChain(socket);
  // Not at once: the broker waits for the rest of the handshake, which is not sent yet.
  socket.destroySoon();
  return chain;
}

function faultWords(fault: ChainFault, address: string): SallyportError {
  const clock = 'set the clock here and on the broker, then try again';
  switch (fault) {
    case 'wrong_root':
      return new SallyportError(
        'unauthenticated',
        `"${address}" is not the broker that made this token: its root has another fingerprint`,
        { next: 'check the address; if it is right, somebody may stand in between: do not go on' },
      );
    case 'not_yet_valid':
      return new SallyportError(
        'unavailable',
        `the certificate of "${address}" is not valid yet: the clock here is behind, or the broker's ahead`,
        { next: clock },
      );
    case 'expired':
      return new SallyportError(
        'unavailable',
        `the certificate of "${address}" has expired: the clock here is ahead, or the broker's is behind`,
        { next: clock },
      );
    default:
      return new SallyportError(
        'unauthenticated',
        `"${address}" shows a certificate chain that is not a broker's (${fault})`,
        { next: 'check that the address is a Sallyport broker' },
      );
  }
}
