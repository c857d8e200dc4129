// Certificates for tests: a small PKI, leaves of every kind, and forged ones that the product never makes.

import {
  authority,
  createIssuingCa,
  createRoot,
  type CertificateAuthority,
} from '../../src/authority/pki/ca.ts';
import { issueLeaf, type Leaf } from '../../src/authority/pki/leaf.ts';
import type { PeerKind } from '../../src/core/identity.ts';
import { generateP256, type KeyPair } from '../../src/platform/keys.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';
import { toCryptoKey, x509 } from '../../src/platform/x509.ts';

export const trustDomain = 'gate.example.com';
export const hourMs = 3_600_000;

const random = seededRandom('pki');

export interface Pki {
  readonly root: CertificateAuthority;
  readonly issuing: CertificateAuthority;
}

export async function makePki(now: number): Promise<Pki> {
  const root = await createRoot({ trustDomain, privateKey: generateP256().privateKey, now, random });
  const privateKey = generateP256().privateKey;
  return { root, issuing: await createIssuingCa(root, { trustDomain, privateKey, now, random }) };
}

export interface LeafWithKey extends Leaf, KeyPair {}

export async function makeLeaf(
  ca: CertificateAuthority,
  kind: PeerKind,
  options: { readonly now: number; readonly lifeMs?: number; readonly domain?: string },
): Promise<LeafWithKey> {
  const pair = generateP256();
  const isServer = kind === 'gate' || kind === 'authority';
  const leaf = await issueLeaf(ca, {
    publicKey: pair.publicKey,
    name: { trustDomain: options.domain ?? trustDomain, env: 'prod', kind, id: `${kind}-1` },
    ...(isServer ? { dnsNames: ['gate.example.com'], ipAddresses: ['127.0.0.1'] } : {}),
    lifeMs: options.lifeMs ?? hourMs,
    now: options.now,
    random,
  });
  return { ...leaf, ...pair };
}

/** A certificate signed by a leaf's key, as CVE-2025-49825 would have it. */
export async function makeLeafSigned(signer: LeafWithKey, kind: PeerKind, now: number): Promise<LeafWithKey> {
  const evil = await makeLeaf(authority(signer.certificatePem, signer.privateKey), kind, { now });
  return { ...evil, chainPem: evil.certificatePem + signer.chainPem };
}

type Names = ConstructorParameters<typeof x509.SubjectAlternativeNameExtension>[0];

/** A certificate with any names at all, self-signed. */
export async function makeNamed(names: Names, now: number): Promise<string> {
  const pair = generateP256();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=odd',
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + hourMs),
    keys: { privateKey: toCryptoKey(pair.privateKey), publicKey: toCryptoKey(pair.publicKey) },
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return certificate.toString('pem');
}
