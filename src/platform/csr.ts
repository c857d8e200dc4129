// Certificate requests (PKCS#10). A request carries the key and the proof of holding it, nothing else:
// names come from the authority. The library is loaded inside, so importing this file costs nothing.

import { createPublicKey, type KeyObject } from 'node:crypto';

/** PEM, signed by the key itself. Throws TypeError on a key that is neither P-256 nor Ed25519. */
export async function createCsr(privateKey: KeyObject): Promise<string> {
  const { x509, signingAlgorithmOf, toCryptoKey } = await import('./x509.ts');
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey: toCryptoKey(privateKey), publicKey: toCryptoKey(createPublicKey(privateKey)) },
    signingAlgorithm: signingAlgorithmOf(privateKey),
  });
  return `${request.toString('pem')}\n`;
}
