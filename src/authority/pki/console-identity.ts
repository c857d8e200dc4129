// The certificate that browsers see: the owner's own, from two files, or one of the console's own root. That root is
// another than ours and can sign for the console's host alone (RFC 5280 section 4.2.1.10), so that whoever installs
// it trusts this broker with one name and no more. Neither carries a SPIFFE name: no agent and no command takes the
// console for the authority.

import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConsoleConfig } from '../../core/broker-config.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { readPrivateFile } from '../../platform/files.ts';
import { generateP256, loadPrivateKey, privatePem, storePrivateKey } from '../../platform/keys.ts';
import type { Random } from '../../platform/random.ts';
import { signingAlgorithmOf, toCryptoKey, x509 } from '../../platform/x509.ts';
import { isIssuedBy } from '../../wire/roots.ts';
import { authority, newSerial, subjectOf, validity, type CertificateAuthority } from './ca.ts';
import { writeDer } from './der.ts';
import { KeyFiles, pemBlocks } from './key-files.ts';

export interface ConsoleIdentity {
  readonly key: string;
  /** Leaf first. */
  readonly cert: string;
  readonly notAfter: number;
  /** PEM: to be installed in browsers. Absent where the owner's own certificate is used. */
  readonly root?: string;
}

export interface ConsoleIdentityOptions {
  readonly config: ConsoleConfig;
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Also the renewal: reads the owner's files anew, or renews what the own root signed. Throws SallyportError. */
export async function consoleIdentity(options: ConsoleIdentityOptions): Promise<ConsoleIdentity> {
  const { files } = options.config;
  return files === undefined ? await ownIdentity(options) : await readIdentity(options, files);
}

async function readIdentity(
  { config: { host }, clock }: ConsoleIdentityOptions,
  files: NonNullable<ConsoleConfig['files']>,
): Promise<ConsoleIdentity> {
  const cert = await readFile(files.certificate, 'utf8').catch((cause: unknown) => {
    throw unusable(files.certificate, 'cannot be read', cause);
  });
  const key = (await readPrivateFile(files.key))?.toString('utf8');
  if (key === undefined) throw unusable(files.key, 'is missing');
  const leaf = parsed(files.certificate, () => new X509Certificate(pemBlocks(cert, 'CERTIFICATE')[0] ?? ''));
  const privateKey = parsed(files.key, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey))
    throw unusable(files.key, `is not the key of "${files.certificate}"`);
  if (leaf.checkHost(host) === undefined) throw unusable(files.certificate, `is not for "${host}"`);
  const notAfter = leaf.validToDate.getTime();
  if (notAfter <= clock.now())
    throw unusable(files.certificate, `ended at ${leaf.validToDate.toISOString()}`);
  return { key, cert, notAfter };
}

async function ownIdentity(options: ConsoleIdentityOptions): Promise<ConsoleIdentity> {
  const { clock, dir } = options;
  const files = new KeyFiles(dir);
  const root = await findRoot(options, files);
  const held = await files.readIdentity('console.pem');
  const [leafPem] = held?.certificates ?? [];
  const now = clock.now();
  if (held !== undefined && leafPem !== undefined) {
    const leaf = new X509Certificate(leafPem);
    const notAfter = leaf.validToDate.getTime();
    const isGood = isIssuedBy(leaf, root.certificate) && leaf.checkHost(options.config.host) !== undefined;
    if (isGood && notAfter - now > limits.consoleCertificateLifeMs / 3)
      return { key: privatePem(held.privateKey), cert: leafPem, notAfter, root: root.certificatePem };
  }
  const { privateKey, publicKey } = generateP256();
  const cert = await issueConsoleLeaf(root, { ...options, publicKey });
  await files.writeIdentity('console.pem', { privateKey, certificates: [cert] });
  const notAfter = new X509Certificate(cert).validToDate.getTime();
  return { key: privatePem(privateKey), cert, notAfter, root: root.certificatePem };
}

/** Another host has another root: what was installed for the old name is worth nothing for the new one. */
async function findRoot(options: ConsoleIdentityOptions, files: KeyFiles): Promise<CertificateAuthority> {
  const { host } = options.config;
  const certificate = await files.readCertificate('console-root.pem');
  const key = await loadPrivateKey(files.path('console-root.key'));
  const now = options.clock.now();
  if (certificate !== undefined && key !== undefined && certificate.checkPrivateKey(key)) {
    const left = certificate.validToDate.getTime() - now;
    const isForHost = certificate.subject.split('\n').includes(`O=${host}`);
    if (isForHost && left > limits.consoleCertificateLifeMs) return authority(certificate.toString(), key);
  }
  const { privateKey } = generateP256();
  const root = await createConsoleRoot({ ...options, privateKey });
  await storePrivateKey(files.path('console-root.key'), privateKey);
  await files.writeText('console-root.pem', root.certificatePem);
  return root;
}

async function createConsoleRoot({
  config: { host },
  clock,
  random,
  privateKey,
}: ConsoleIdentityOptions & { readonly privateKey: KeyObject }): Promise<CertificateAuthority> {
  const publicKey = toCryptoKey(createPublicKey(privateKey));
  const name = [{ CN: ['Sallyport console'] }, { O: [host] }];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(random),
    subject: name,
    issuer: name,
    ...validity(clock.now(), limits.rootCaLifeMs),
    publicKey,
    signingKey: toCryptoKey(privateKey),
    signingAlgorithm: signingAlgorithmOf(privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      new x509.Extension(nameConstraints, true, constraintTo(host)),
    ],
  });
  return authority(certificate.toString('pem'), privateKey);
}

async function issueConsoleLeaf(
  root: CertificateAuthority,
  asked: ConsoleIdentityOptions & { readonly publicKey: KeyObject },
): Promise<string> {
  const { config, clock, random } = asked;
  const publicKey = toCryptoKey(asked.publicKey);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(random),
    subject: [{ CN: [config.host] }],
    issuer: subjectOf(root),
    ...validity(clock.now(), limits.consoleCertificateLifeMs, root.certificate),
    publicKey,
    signingKey: toCryptoKey(root.privateKey),
    signingAlgorithm: signingAlgorithmOf(root.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(toCryptoKey(root.certificate.publicKey)),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: config.host }]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
const nameConstraints = '2.5.29.30';

/** NameConstraints { permittedSubtrees [0] { { base dNSName [2] } } }; every other kind of name is excluded by it. */
function constraintTo(host: string): Buffer {
  const name = writeDer(0x82, Buffer.from(host, 'latin1'));
  return writeDer(0x30, writeDer(0xa0, writeDer(0x30, name)));
}

function parsed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unusable(path, 'holds nothing that can be used: PEM is wanted', cause);
  }
}

function unusable(path: string, what: string, cause?: unknown): SallyportError {
  return new SallyportError('local_file', `"${path}" ${what}`, {
    next: 'set consoleCertificate and consoleKey in broker.yaml to a chain and its key, or leave both away',
    cause,
  });
}
