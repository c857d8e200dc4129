// A dial where the clock here may be wrong (design section 4): when TLS finds a certificate outside its dates,
// the chain is verified by our own code instead, signatures up to the pinned root and role, at the time that
// the caller knows to be true, or without dates where he knows none yet. Node's error codes are no guide here:
// a certificate of somebody else's root is also reported as expired, and refused by our code.

import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerKind } from '../core/identity.ts';
import { SallyportError } from '../core/errors.ts';
import { presentedChain, verifyFirstContact } from '../wire/chain.ts';
import { rootFingerprint } from '../wire/roots.ts';
import { serverKindCheck } from '../wire/tls-peer.ts';
import { dialBroker, type DialOptions } from './dial.ts';
import { faultCode } from './tls-fault.ts';

export interface RootedDial extends Omit<DialOptions, 'tls'> {
  /** PEM of the pinned root. */
  readonly root: string;
  readonly trustDomain: string;
  readonly kind: PeerKind;
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  /** Unix ms, where the true time is known; undefined: dates prove nothing, nor are they looked at. */
  readonly trueTime: () => number | undefined;
}

export interface Rooted {
  readonly socket: TLSSocket;
  /** Only where its dates were not looked at: to be looked at once the true time is known. */
  readonly undated?: readonly X509Certificate[];
}

/** Throws SallyportError with words. */
export async function dialByRoot(options: RootedDial): Promise<Rooted> {
  const { root, trustDomain, kind, key, cert, trueTime, ...dial } = options;
  const own = key === undefined || cert === undefined ? {} : { key, cert };
  const checkServerIdentity = serverKindCheck(kind, trustDomain);
  try {
    return { socket: await dialBroker({ ...dial, tls: { ca: root, ...own, checkServerIdentity } }) };
  } catch (error) {
    if (!(error instanceof SallyportError) || !isAboutDates(error)) throw error;
    // Our certificate is shown to whoever is there, as it always is; nothing else leaves before the check.
    const socket = await dialBroker({ ...dial, tls: { ...own, rejectUnauthorized: false } });
    const chain = presentedChain(socket);
    const now = trueTime();
    const pinned = rootFingerprint(new X509Certificate(root));
    const answer = verifyFirstContact(chain, { rootFingerprint: pinned, kind, now });
    if (!answer.ok || answer.peer.trustDomain !== trustDomain) {
      socket.on('error', () => undefined);
      socket.destroy();
      throw error;
    }
    return now === undefined ? { socket, undated: chain } : { socket };
  }
}

function isAboutDates(error: SallyportError): boolean {
  const code = faultCode(error.cause);
  return code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID';
}
