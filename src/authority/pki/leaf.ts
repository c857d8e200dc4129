// Leaf certificates: one SPIFFE name, short life, a profile by the holder's kind. Whoever asks brings a
// key and nothing else; every name in the certificate is the authority's own word.

import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerKind } from '../../core/identity.ts';
import { formatSpiffe, type SpiffeName } from '../../core/spiffe.ts';
import type { Random } from '../../platform/random.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../platform/x509.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { newSerial, subjectOf, validity, type CertificateAuthority } from './ca.ts';

export interface LeafRequest {
  readonly publicKey: KeyObject;
  readonly name: SpiffeName;
  /** Servers only. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly lifeMs: number;
  /** Unix ms. */
  readonly now: number;
  readonly random: Random;
}

export interface Leaf {
  readonly certificatePem: string;
  /** Leaf, then issuing CA: what the holder shows in a handshake, since peers know the root only. */
  readonly chainPem: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** SHA-256 thumbprint of the key, base64url. */
  readonly spki: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

const dnsNamePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Throws RangeError on a name that must not be signed, or when the CA itself is not valid now. */
export async function issueLeaf(ca: CertificateAuthority, request: LeafRequest): Promise<Leaf> {
  const { dnsNames = [], ipAddresses = [], name } = request;
  const usages = usagesOf(name.kind);
  if (!usages.includes(serverAuth) && dnsNames.length + ipAddresses.length > 0) {
    throw new RangeError(`a certificate of kind "${name.kind}" carries no host name`);
  }
  const badName = dnsNames.find((text) => text.length > 253 || !dnsNamePattern.test(text));
  if (badName !== undefined) throw new RangeError(`"${badName}" is not a DNS name`);
  const badAddress = ipAddresses.find((text) => isIP(text) === 0);
  if (badAddress !== undefined) throw new RangeError(`"${badAddress}" is not an IP address`);

  const publicKey = toCryptoKey(request.publicKey);
  const serial = newSerial(request.random);
  const { notBefore, notAfter } = validity(request.now, request.lifeMs, ca.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [{ CN: [name.id] }],
    issuer: issuerOf(ca).name,
    notBefore,
    notAfter,
    publicKey,
    signingKey: issuerOf(ca).signingKey,
    signingAlgorithm: signingAlgorithmOf(ca.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...usages]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuerOf(ca).publicKey),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: formatSpiffe(name) },
        ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  const certificatePem = `${certificate.toString('pem')}\n`;
  return {
    certificatePem,
    chainPem: certificatePem + ca.certificatePem,
    serial,
    spki: spkiThumbprint(request.publicKey),
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  };
}

function usagesOf(kind: PeerKind): readonly string[] {
  switch (kind) {
    case 'authority':
      return [serverAuth];
    case 'gate':
      // A server to operators and agents, a client to the authority.
      return [serverAuth, clientAuth];
    case 'human':
    case 'device':
    case 'machine':
    case 'ai_agent':
      return [clientAuth];
    default:
      return kind satisfies never;
  }
}

interface Issuer {
  readonly name: string;
  readonly publicKey: ReturnType<typeof toCryptoKey>;
  readonly signingKey: ReturnType<typeof toCryptoKey>;
}

// Converting a CA's keys costs as much as signing with them, and a CA never changes.
const issuers = new WeakMap<CertificateAuthority, Issuer>();

function issuerOf(ca: CertificateAuthority): Issuer {
  const known = issuers.get(ca);
  if (known !== undefined) return known;
  const issuer: Issuer = {
    name: subjectOf(ca),
    publicKey: toCryptoKey(ca.certificate.publicKey),
    signingKey: toCryptoKey(ca.privateKey),
  };
  issuers.set(ca, issuer);
  return issuer;
}
