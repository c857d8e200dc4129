// First contact (design section 4): the only thing known about the broker is the fingerprint of its root,
// carried by the invite or enrollment token. The server shows leaf, issuing CA and root; this file checks
// the whole chain itself, because TLS cannot know the root yet. Afterwards the root is pinned and TLS
// does the work. After the issuing CA come roots only: where the root was replaced, the new one as signed by
// each one before (roots.ts), down to the first. So a leaf cannot sign another (negative test L5).

import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerKind } from '../core/identity.ts';
import { limits } from '../core/limits.ts';
import { isIssuedBy, isNewWithOld, rootFingerprint } from './roots.ts';
import { dateFault, peerOf, type Peer, type PeerFault } from './tls-peer.ts';

/** Leaf and issuing CA, then roots. */
const chainMinLength = 3;
const chainMaxLength = 2 + limits.rootsMax;
const serverAuth = '1.3.6.1.5.5.7.3.1';

export type ChainFault =
  | PeerFault
  /** The chain is too short for leaf, issuing CA and root, or longer than one of a broker can be. */
  | 'chain_length'
  /** None of its roots is the one whose fingerprint we hold. */
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
  const [leaf, issuing, ...roots] = chain;
  if (chain.length < chainMinLength || chain.length > chainMaxLength) return refuse('chain_length');
  if (leaf === undefined || issuing === undefined) return refuse('chain_length');
  // The root first: nothing else in the chain means anything before it is the right one.
  const prints = roots.map(rootFingerprint);
  const at = prints.indexOf(expected.rootFingerprint);
  const root = roots[at];
  if (root === undefined) return refuse('wrong_root');
  const isRooted =
    new Set(prints).size === roots.length &&
    roots.every((older, index) => index === 0 || isNewWithOld(roots[index - 1] ?? older, older));
  const [newest = root] = roots;
  if (!isRooted || !isIssuedBy(issuing, newest) || !isIssuedBy(leaf, issuing)) return refuse('not_issued');
  if (!newest.ca || !root.ca || !issuing.ca) return refuse('not_a_ca');
  const signers = [...roots.slice(0, at + 1), issuing];
  const fault = signers.map((signer) => dateFault(signer, now)).find((known) => known !== undefined);
  if (fault !== undefined) return refuse(fault);
  const peer = peerOf(leaf, now === undefined ? {} : { now });
  if (typeof peer === 'string') return refuse(peer);
  if (peer.kind !== expected.kind || !(leaf.keyUsage ?? []).includes(serverAuth)) return refuse('wrong_kind');
  return { ok: true, peer, root };
}

/**
 * What the server of this handshake showed, leaf first. For a connection made without a known root
 * (`rejectUnauthorized: false`), on which nothing may be sent before verifyFirstContact said yes.
 */
export function presentedChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerCertificate(true);
  // A root is its own issuer: the list ends where it repeats. One more than there may be is enough to refuse.
  while (next.raw instanceof Uint8Array && chain.length <= chainMaxLength) {
    const certificate = new X509Certificate(next.raw);
    if (chain.at(-1)?.fingerprint256 === certificate.fingerprint256) break;
    chain.push(certificate);
    if (next.issuerCertificate === undefined) break;
    next = next.issuerCertificate;
  }
  return chain;
}

function refuse(fault: ChainFault): FirstContact {
  return { ok: false, fault };
}
