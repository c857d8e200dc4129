// Who is at the other end of a TLS connection, read from its certificate: exactly one SPIFFE name. The
// chain up to our root is TLS's work (or chain.ts's); this file reads the name, the key and the dates,
// and checks the role, because being signed by our CA is not enough (design section 3).
//
// The name is read from node's subjectAltName text. Node writes any entry that holds a quote, comma,
// backslash or non-printable character as a JSON string, in quotes; our CA never signs such a name, so a
// text with a quote in it is refused whole, and what is left splits at ", " without doubt.

import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import { SallyportError } from '../core/errors.ts';
import type { PeerKind } from '../core/identity.ts';
import { printable } from '../core/printable.ts';
import { parseSpiffe, type SpiffeName } from '../core/spiffe.ts';
import { spkiThumbprint } from './signed.ts';

export interface Peer extends SpiffeName {
  /** SHA-256 of the certificate key's SPKI, base64url. */
  readonly spki: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** Unix ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export type PeerFault =
  | 'no_certificate'
  | 'no_name'
  | 'several_names'
  | 'odd_name'
  | 'is_ca'
  | 'expired'
  | 'not_yet_valid';

type AnyCertificate = X509Certificate | DetailedPeerCertificate | PeerCertificate | undefined;

/** The peer, or the fault as a string. Dates are checked where `now` (Unix ms) is given. */
export function peerOf(
  certificate: AnyCertificate,
  options: { readonly now?: number } = {},
): Peer | PeerFault {
  const x509 = asX509(certificate);
  if (x509 === undefined) return 'no_certificate';
  if (x509.ca) return 'is_ca';
  const name = nameIn(x509.subjectAltName);
  if (typeof name === 'string') return name;
  const fault = dateFault(x509, options.now);
  if (fault !== undefined) return fault;
  return {
    ...name,
    spki: spkiThumbprint(x509.publicKey),
    serial: x509.serialNumber.toLowerCase(),
    notBefore: x509.validFromDate.getTime(),
    notAfter: x509.validToDate.getTime(),
  };
}

/** `now`: Unix ms; undefined: dates are not looked at. */
export function dateFault(
  { validFromDate, validToDate }: X509Certificate,
  now: number | undefined,
): 'expired' | 'not_yet_valid' | undefined {
  if (now === undefined) return undefined;
  if (now < validFromDate.getTime()) return 'not_yet_valid';
  // Valid through notAfter itself (RFC 5280, 4.1.2.5), which has whole seconds only.
  return now > validToDate.getTime() ? 'expired' : undefined;
}

/**
 * A `checkServerIdentity` for tls.connect and http2.connect: the server must be of this kind in this
 * trust domain. The host name plays no part: devices are reached by address, through NAT, and the CA is
 * ours alone. Node skips this check on a resumed TLS session, so never hand a session of one kind's
 * connection to another's.
 */
export function serverKindCheck(
  kind: PeerKind,
  trustDomain: string,
): (hostname: string, certificate: PeerCertificate) => Error | undefined {
  return (hostname, certificate) => {
    // Not peerOf: parsing the certificate again and hashing its key would cost each command some
    // milliseconds, and neither is looked at here.
    const peer = certificate.ca ? 'is_ca' : nameIn(certificate.subjectaltname);
    if (typeof peer !== 'string' && peer.kind === kind && peer.trustDomain === trustDomain) return undefined;
    const shown =
      typeof peer === 'string'
        ? `shows a certificate that names nobody (${peer})`
        : `is "${peer.kind}" of "${printable(peer.trustDomain)}"`;
    return new SallyportError(
      'wrong_kind',
      `"${printable(hostname)}" ${shown}, not "${kind}" of "${trustDomain}"`,
      { next: 'check the address, and whether something stands between you and the broker' },
    );
  };
}

/** Exactly one URI among the names, and that a SPIFFE id of ours; DNS and IP names may stand beside it. */
export function nameIn(
  subjectAltName: string | undefined,
): SpiffeName | 'no_name' | 'several_names' | 'odd_name' {
  if (subjectAltName === undefined || subjectAltName === '') return 'no_name';
  if (subjectAltName.includes('"')) return 'odd_name';
  const uris: string[] = [];
  for (const entry of subjectAltName.split(', ')) {
    const at = entry.indexOf(':');
    const type = entry.slice(0, at);
    if (type === 'URI') uris.push(entry.slice(at + 1));
    else if (type !== 'DNS' && type !== 'IP Address') return 'odd_name';
  }
  const [uri, ...others] = uris;
  if (uri === undefined) return 'no_name';
  if (others.length > 0) return 'several_names';
  return parseSpiffe(uri) ?? 'odd_name';
}

function asX509(certificate: AnyCertificate): X509Certificate | undefined {
  if (certificate === undefined || certificate instanceof X509Certificate) return certificate;
  // getPeerCertificate() answers an empty object where the peer sent none.
  return certificate.raw instanceof Uint8Array ? new X509Certificate(certificate.raw) : undefined;
}
