// A certificate authority for tests: root, issuing CA, and leaves with any SPIFFE name, made in memory.
// Not the broker's own, so that a fault in that cannot hide a fault in who checks certificates.

import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../src/platform/x509.ts';

export interface TestLeaf {
  /** PEM. */
  readonly key: string;
  /** PEM: leaf and issuing CA. */
  readonly cert: string;
  readonly privateKey: KeyObject;
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly key: KeyObject;
}

export interface TestCa {
  readonly root: string;
  readonly rootKey: KeyObject;
  readonly trustDomain: string;
  readonly env: string;
  leaf(kind: string, id: string, options?: { readonly notAfter?: Date }): Promise<TestLeaf>;
  /** A leaf that another leaf signed. */
  leafOfLeaf(kind: string, id: string): Promise<TestLeaf>;
  /** For a request: the PEM chain with the root last, as the authority answers. */
  chainFor(csr: string, kind: string, id: string): Promise<string>;
}

const trustDomain = 'test.example';
const env = 'test';

export async function createTestCa(): Promise<TestCa> {
  const rootKey = generateP256().privateKey;
  const root = await certify({ subject: 'CN=root', key: rootKey, isCa: true });
  const issuingKey = generateP256().privateKey;
  const issuing = await certify({
    subject: 'CN=issuing',
    key: issuingKey,
    isCa: true,
    by: { certificate: root, key: rootKey },
  });
  const issuer = { certificate: issuing, key: issuingKey };
  const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

  const leafBy = async (by: Signer, name: string, notAfter?: Date) => {
    const privateKey = generateP256().privateKey;
    const certificate = await certify({
      subject: 'CN=leaf',
      key: privateKey,
      isCa: false,
      by,
      uri: `spiffe://${trustDomain}/${env}/${name}`,
      ...(notAfter === undefined ? {} : { notAfter }),
    });
    return { certificate, privateKey };
  };

  return {
    root: pemOf(root),
    rootKey,
    trustDomain,
    env,
    async leaf(kind, id, options = {}) {
      const { certificate, privateKey } = await leafBy(issuer, `${kind}/${id}`, options.notAfter);
      return { key: privatePem(privateKey), cert: pemOf(certificate) + pemOf(issuing), privateKey };
    },
    async leafOfLeaf(kind, id) {
      const signer = await leafBy(issuer, `${kind}/${id}`);
      const by = { certificate: signer.certificate, key: signer.privateKey };
      const { certificate, privateKey } = await leafBy(by, `${kind}/${id}`);
      const cert = pemOf(certificate) + pemOf(signer.certificate) + pemOf(issuing);
      return { key: privatePem(privateKey), cert, privateKey };
    },
    async chainFor(csr, kind, id) {
      const request = new x509.Pkcs10CertificateRequest(csr);
      const leaf = await certify({
        subject: 'CN=leaf',
        publicKey: await request.publicKey.export(),
        isCa: false,
        by: issuer,
        uri: `spiffe://${trustDomain}/${env}/${kind}/${id}`,
      });
      return pemOf(leaf) + pemOf(issuing) + pemOf(root);
    },
  };
}

interface Subject {
  readonly subject: string;
  readonly key?: KeyObject;
  readonly publicKey?: webcrypto.CryptoKey;
  readonly isCa: boolean;
  readonly by?: Signer;
  readonly uri?: string;
  readonly notAfter?: Date;
}

const hourMs = 60 * 60_000;
let serial = 1;

async function certify(subject: Subject): Promise<x509.X509Certificate> {
  const { key, by } = subject;
  const signer = by?.key ?? key;
  const publicKey = subject.publicKey ?? (key === undefined ? undefined : toCryptoKey(createPublicKey(key)));
  if (signer === undefined || publicKey === undefined) throw new TypeError('a certificate needs a key');
  const now = Date.now();
  return await x509.X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16).padStart(8, '0'),
    subject: subject.subject,
    issuer: by === undefined ? subject.subject : by.certificate.subject,
    notBefore: new Date(now - 2 * hourMs),
    notAfter: subject.notAfter ?? new Date(now + 24 * hourMs),
    publicKey,
    signingKey: toCryptoKey(signer),
    signingAlgorithm: signingAlgorithmOf(signer),
    extensions: [
      new x509.BasicConstraintsExtension(subject.isCa, undefined, true),
      ...(subject.isCa
        ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)]
        : [new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])]),
      ...(subject.uri === undefined
        ? []
        : [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: subject.uri }])]),
    ],
  });
}
