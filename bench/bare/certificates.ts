// A private root and one P-256 certificate for each bare party, written where bare/wire.ts reads them.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { BareParty } from './wire.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const lifeMs = 24 * 60 * 60_000;
const parties: readonly BareParty[] = ['gate', 'agent', 'operator'];

export async function writeCertificates(folder: string): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + lifeMs);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=bench root',
    keys,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  await writeFile(join(folder, 'root.crt'), root.toString('pem'));
  for (const party of parties) {
    const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${party}`,
      issuer: root.subject,
      notBefore,
      notAfter,
      signingKey: keys.privateKey,
      publicKey: own.publicKey,
      signingAlgorithm: algorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey));
    await writeFile(join(folder, `${party}.crt`), certificate.toString('pem'));
    await writeFile(join(folder, `${party}.key`), pemOf(pkcs8), { mode: 0o600 });
  }
}

function pemOf(der: Buffer): string {
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
