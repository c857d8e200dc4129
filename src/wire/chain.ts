// First contact (design section 4): the only thing known about the broker is the fingerprint of its root,
// carried by the invite or enrollment token. The server shows leaf, issuing CA and root; this file checks
// the whole chain itself, because TLS cannot know the root yet. Afterwards the root is pinned and TLS
// does the work. The chain has exactly these three certificates: a longer one is how a leaf would try to
// sign another (negative test L5).

import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerKind } from '../core/identity.ts';
import { peerOf, type Peer, type PeerFault } from './tls-peer.ts';

const chainLength = 3;
const serverAuth = '1.3.6.1.5.5.7.3.1';

export type ChainFault =
  | PeerFault
  /** The chain is not leaf, issuing CA, root. */
  | 'chain_length'
  /** The last certificate is not the one whose fingerprint we hold. */
  | 'wrong_root'
  /** A certificate is not signed by the next one. */
  | 'not_issued'
  /** A signer is no CA. */
  | 'not_a_ca'
  /** The leaf is of another kind, or may not serve. */
  | 'wrong_kind';

export type FirstContact =
  | { readonly ok: true; readonly peer: Peer; readonly root: X509Certificate }
  | { readonly ok: false; readonly fault: ChainFault };

export interface ExpectedChain {
  readonly rootFingerprint: string;
  readonly kind: PeerKind;
  /** Unix ms; undefined where no clock is to be believed: dates are then not looked at. */
  readonly now: number | undefined;
}

/** The root of a good answer is what the caller pins, or has pinned already. */
export function verifyFirstContact(
  chain: readonly X509Certificate[],
  { now, ...expected }: ExpectedChain,
): FirstContact {
  const [leaf, issuing, root] = chain;
  if (chain.length !== chainLength || leaf === undefined || issuing === undefined || root === undefined) {
    return refuse('chain_length');
  }
  // The root first: nothing else in the chain means anything before it is the right one.
  if (certificateFingerprint(root) !== expected.rootFingerprint) return refuse('wrong_root');
  if (!isIssuedBy(root, root) || !isIssuedBy(issuing, root) || !isIssuedBy(leaf, issuing)) {
    return refuse('not_issued');
  }
  if (!root.ca || !issuing.ca) return refuse('not_a_ca');
  const fault = [root, issuing].map((signer) => dateFault(signer, now)).find((known) => known !== undefined);
  if (fault !== undefined) return refuse(fault);
  const peer = peerOf(leaf, now === undefined ? {} : { now });
  if (typeof peer === 'string') return refuse(peer);
  if (peer.kind !== expected.kind || !(leaf.keyUsage ?? []).includes(serverAuth)) return refuse('wrong_kind');
  return { ok: true, peer, root };
}

/** SHA-256 of the certificate's DER, base64url: what invites carry of the root. */
export function certificateFingerprint(certificate: X509Certificate | string): string {
  const x509 = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  return createHash('sha256').update(x509.raw).digest('base64url');
}

/**
 * What the server of this handshake showed, leaf first. For a connection made without a known root
 * (`rejectUnauthorized: false`), on which nothing may be sent before verifyFirstContact said yes.
 */
export function presentedChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerCertificate(true);
  // A root is its own issuer: the list ends where it repeats. Two more than needed is enough to refuse.
  while (next.raw instanceof Uint8Array && chain.length < chainLength + 2) {
    const certificate = new X509Certificate(next.raw);
    if (chain.at(-1)?.fingerprint256 === certificate.fingerprint256) break;
    chain.push(certificate);
    if (next.issuerCertificate === undefined) break;
    next = next.issuerCertificate;
  }
  return chain;
}

/** Names and key ids match, the signer may sign certificates, and the signature holds. */
function isIssuedBy(certificate: X509Certificate, signer: X509Certificate): boolean {
  return certificate.checkIssued(signer) && certificate.verify(signer.publicKey);
}

function dateFault(
  { validFromDate, validToDate }: X509Certificate,
  now: number | undefined,
): ChainFault | undefined {
  if (now === undefined) return undefined;
  if (now < validFromDate.getTime()) return 'not_yet_valid';
  return now > validToDate.getTime() ? 'expired' : undefined;
}

function refuse(fault: ChainFault): FirstContact {
  return { ok: false, fault };
}
