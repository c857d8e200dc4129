// Roots and their successors. A root that takes the place of another is signed by it: a certificate of the new
// key under the old one's name and signature, "NewWithOld" of RFC 4210 section 4.4.1. Whoever pinned the old
// root follows such certificates to the new one; nothing else makes a root of a key.

import type { X509Certificate } from 'node:crypto';
import { spkiThumbprint } from './signed.ts';

/** SHA-256 of the key's SPKI, base64url: what tokens carry. One root may have several certificates. */
export function rootFingerprint(root: X509Certificate): string {
  return spkiThumbprint(root.publicKey);
}

/** The newest root that the pinned one leads to. `successors` are the oldest first. */
export function followRoots(
  pinned: X509Certificate,
  successors: readonly X509Certificate[],
): X509Certificate {
  return successors.reduce((root, next) => (isNewWithOld(next, root) ? next : root), pinned);
}

/** Whether the one root vouches for the other, which has its name: an issuing CA is none. */
export function isNewWithOld(newer: X509Certificate, older: X509Certificate): boolean {
  return newer.ca && newer.subject === older.subject && isIssuedBy(newer, older);
}

/** Names and key ids match, the signer may sign certificates, and the signature holds. */
export function isIssuedBy(certificate: X509Certificate, signer: X509Certificate): boolean {
  return certificate.checkIssued(signer) && certificate.verify(signer.publicKey);
}
