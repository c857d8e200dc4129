// The files under the authority's key directory, and what is said when they do not fit together.
//
//   root.key, root.pem      P-256; root.key may be kept elsewhere
//   roots.pem               where the root was replaced: each root as the one before signed it, the newest first
//   issuing.pem             key and certificate in one file, so that one rename replaces both
//   pass.key, checkpoint.key, assertion.key    Ed25519
//   keyset.txt              the statement signed by the root
//   server.pem              the authority's own TLS key and chain
//   console-root.key, console-root.pem    P-256: signs the console's certificate and can sign no other name
//   console.pem             the console's TLS key and chain, where that root signed it
//   console-acme.pem, acme-account.key    the same from an authority that browsers trust, and our key there
//
// The directory is 0700 and each file 0600; looser is refused (negative test L20).

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { readPrivateFile, writeFileAtomic } from '../../platform/files.ts';
import { privatePem } from '../../platform/keys.ts';

export const signerNames = ['pass', 'checkpoint', 'assertion'] as const;
export type SignerName = (typeof signerNames)[number];

export class KeyFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  path(name: string): string {
    return join(this.#dir, name);
  }

  async readText(name: string): Promise<string | undefined> {
    return (await readPrivateFile(this.path(name)))?.toString('utf8');
  }

  async writeText(name: string, text: string): Promise<void> {
    await writeFileAtomic(this.path(name), text, { mode: 0o600 });
  }

  /** A key and the certificates that go with it, leaf first. */
  async readIdentity(name: string): Promise<KeyedCertificates | undefined> {
    const text = await this.readText(name);
    if (text === undefined) return undefined;
    const [keyPem] = pemBlocks(text, 'PRIVATE KEY');
    const certificates = pemBlocks(text, 'CERTIFICATE');
    try {
      if (keyPem === undefined) throw new TypeError('no private key');
      const privateKey = createPrivateKey(keyPem);
      if (
        certificates[0] === undefined ||
        !new X509Certificate(certificates[0]).checkPrivateKey(privateKey)
      ) {
        throw new TypeError('the certificate and the private key do not belong together');
      }
      return { privateKey, certificates };
    } catch (error) {
      throw this.unusable(name, 'does not hold a private key and its certificate', error);
    }
  }

  async writeIdentity(name: string, identity: KeyedCertificates): Promise<void> {
    await this.writeText(name, privatePem(identity.privateKey) + identity.certificates.join(''));
  }

  async readCertificate(name: string): Promise<X509Certificate | undefined> {
    const text = await this.readText(name);
    if (text === undefined) return undefined;
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw this.unusable(name, 'does not hold a certificate', error);
    }
  }

  /** The error for a file that is missing, damaged or foreign to the others. */
  unusable(name: string, what: string, cause?: unknown): SallyportError {
    return new SallyportError('internal', `"${this.path(name)}" ${what}`, {
      next: 'restore the whole directory from one backup: keys and statements belong together',
      cause,
    });
  }
}

export interface KeyedCertificates {
  readonly privateKey: KeyObject;
  /** PEM, each ending in a newline. */
  readonly certificates: readonly string[];
}

/** Every PEM block of one label, each ending in a newline. */
export function pemBlocks(text: string, label: 'CERTIFICATE' | 'PRIVATE KEY'): readonly string[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`, 'g');
  return [...text.matchAll(pattern)].map(([block]) => `${block}\n`);
}
