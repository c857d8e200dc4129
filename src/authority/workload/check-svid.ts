// An X.509-SVID (SPIFFE, "The X.509 SPIFFE Verifiable Identity Document", sections 2 to 5): who it says that it is,
// under a bundle that an administrator pinned. The bundle is trusted for the one SPIFFE ID that was pinned with it.

import { X509Certificate, type KeyObject } from 'node:crypto';
import { limits } from '../../core/limits.ts';

export interface Pinned {
  readonly spiffeId: string;
  /** PEM. */
  readonly bundle: readonly string[];
}

/**
 * The public key of the leaf. `chain`: DER in base64, leaf first (RFC 7515, section 4.1.6). `now`: Unix ms. Throws Error
 * with the reason, for the log.
 */
export function keyOfSvid(chain: readonly string[], { spiffeId, bundle }: Pinned, now: number): KeyObject {
  if (chain.length > limits.svidChainMaxCertificates) throw new Error('the chain is too long');
  const [leaf, ...between] = chain.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  if (leaf === undefined) throw new Error('there is no SVID');
  // A signing certificate is none of a workload (section 4.1).
  if (leaf.ca) throw new Error('the SVID is that of an authority');
  const names = (leaf.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  if (names.length !== 1 || names[0] !== `URI:${spiffeId}`) throw new Error('the SVID has another SPIFFE ID');
  const roots = bundle.map((pem) => new X509Certificate(pem));
  let subject = leaf;
  for (const issuer of [...between, undefined]) {
    requireTime(subject, now);
    const root = roots.find((one) => isIssued(subject, one));
    if (root !== undefined) {
      requireTime(root, now);
      return leaf.publicKey;
    }
    if (issuer === undefined || !issuer.ca || !isIssued(subject, issuer)) break;
    subject = issuer;
  }
  throw new Error('no certificate of the bundle stands behind the SVID');
}

function isIssued(subject: X509Certificate, issuer: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function requireTime(certificate: X509Certificate, now: number): void {
  const isNow = certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime();
  if (!isNow) throw new Error('a certificate of the SVID is not valid now');
}
