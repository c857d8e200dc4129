// The two certificate authorities (design section 4): a root that can be kept offline and signs only the
// issuing CA and the keyset, and an issuing CA that signs leaves and cannot sign another CA.

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { Random } from '../../platform/random.ts';
import { isIssuedBy } from '../../wire/roots.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../platform/x509.ts';

/** A CA that can sign: its certificate and its private key. */
export interface CertificateAuthority {
  readonly certificatePem: string;
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

export interface CaRequest {
  readonly trustDomain: string;
  readonly privateKey: KeyObject;
  /** Unix ms. */
  readonly now: number;
  readonly random: Random;
}

export async function createRoot(request: CaRequest): Promise<CertificateAuthority> {
  const publicKey = toCryptoKey(createPublicKey(request.privateKey));
  const name = [{ CN: ['Sallyport root'] }, { O: [request.trustDomain] }];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(request.random),
    subject: name,
    issuer: name,
    ...validity(request.now, limits.rootCaLifeMs),
    publicKey,
    signingKey: toCryptoKey(request.privateKey),
    signingAlgorithm: signingAlgorithmOf(request.privateKey),
    extensions: await caExtensions(publicKey, 1),
  });
  return authority(certificate.toString('pem'), request.privateKey);
}

/**
 * The new root's key under the old root's signature (RFC 4210 section 4.4.1, "NewWithOld"): who pinned the old
 * one believes the new one by it. Self-issued, so that it counts for no path length (RFC 5280 section 4.2.1.9).
 */
export async function createNewWithOld(
  old: CertificateAuthority,
  next: CertificateAuthority,
  random: Random,
): Promise<X509Certificate> {
  const publicKey = toCryptoKey(next.certificate.publicKey);
  const until = Math.min(next.certificate.validToDate.getTime(), old.certificate.validToDate.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(random),
    subject: subjectOf(next),
    issuer: subjectOf(old),
    notBefore: next.certificate.validFromDate,
    notAfter: new Date(until),
    publicKey,
    signingKey: toCryptoKey(old.privateKey),
    signingAlgorithm: signingAlgorithmOf(old.privateKey),
    extensions: [...(await caExtensions(publicKey, 1)), await signedBy(old)],
  });
  return new X509Certificate(certificate.toString('pem'));
}

/** pathLen 0: whatever it signs can sign nothing (negative test L5). */
export async function createIssuingCa(
  root: CertificateAuthority,
  request: CaRequest,
): Promise<CertificateAuthority> {
  const publicKey = toCryptoKey(createPublicKey(request.privateKey));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(request.random),
    subject: [{ CN: ['Sallyport issuing CA'] }, { O: [request.trustDomain] }],
    issuer: subjectOf(root),
    ...validity(request.now, limits.issuingCaLifeMs, root.certificate),
    publicKey,
    signingKey: toCryptoKey(root.privateKey),
    signingAlgorithm: signingAlgorithmOf(root.privateKey),
    extensions: [...(await caExtensions(publicKey, 0)), await signedBy(root)],
  });
  return authority(certificate.toString('pem'), request.privateKey);
}

async function caExtensions(publicKey: ReturnType<typeof toCryptoKey>, pathLength: number) {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

async function signedBy(ca: CertificateAuthority) {
  return await x509.AuthorityKeyIdentifierExtension.create(toCryptoKey(ca.certificate.publicKey));
}

/** Whether the root stands behind it. */
export function isIssuingCa(certificate: X509Certificate, root: X509Certificate): boolean {
  return certificate.ca && isIssuedBy(certificate, root);
}

/** A CA read back from its PEM and key. Throws TypeError when the two do not belong together. */
export function authority(certificatePem: string, privateKey: KeyObject): CertificateAuthority {
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TypeError('the certificate and the private key do not belong together');
  }
  return { certificatePem: `${certificatePem.trim()}\n`, certificate, privateKey };
}

export function subjectOf(ca: CertificateAuthority): string {
  return new x509.X509Certificate(ca.certificate.raw).subject;
}

/** 128 random bits, positive and of full length, lower-case hex. */
export function newSerial(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/**
 * From a little before `now` until `lifeMs` after it, and never outside the signer's own life: a chain
 * must not break in the middle of a leaf's life. Whole seconds, as certificates keep them.
 */
export function validity(
  now: number,
  lifeMs: number,
  signer?: X509Certificate,
): { readonly notBefore: Date; readonly notAfter: Date } {
  const from = now - limits.certificateBackdateMs;
  const until = now + lifeMs;
  const notBefore = signer === undefined ? from : Math.max(from, signer.validFromDate.getTime());
  const notAfter = signer === undefined ? until : Math.min(until, signer.validToDate.getTime());
  if (now >= notAfter || now < notBefore) {
    throw new RangeError('the signing certificate is not valid at this time');
  }
  return { notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) };
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1_000) * 1_000);
}
