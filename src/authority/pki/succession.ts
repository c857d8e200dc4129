// The roots that this broker had, as it shows them behind its issuing CA: the newest as signed by the one before,
// and so on down to the first, which signed itself. Kept in roots.pem from the first replacement on.

import { X509Certificate } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import { withSuccessors } from '../../wire/keyset.ts';
import { pemBlocks, type KeyFiles } from './key-files.ts';

const fileName = 'roots.pem';

export class Succession {
  /** The newest first. */
  readonly #certificates: readonly X509Certificate[];

  private constructor(certificates: readonly X509Certificate[]) {
    this.#certificates = certificates;
  }

  /** Of a root that never took another's place there is no file. */
  static async read(files: KeyFiles, root: X509Certificate): Promise<Succession> {
    const stored = await files.readText(fileName);
    if (stored === undefined) return new Succession([root]);
    const certificates = pemBlocks(stored, 'CERTIFICATE').map((pem) => new X509Certificate(pem));
    if (certificates[0]?.publicKey.equals(root.publicKey) !== true) {
      throw files.unusable(fileName, 'does not lead to the root beside it');
    }
    return new Succession(certificates);
  }

  /** Who pinned a root that is no longer among them joins anew. */
  followedBy(newWithOld: X509Certificate): Succession {
    return new Succession([newWithOld, ...this.#certificates].slice(0, limits.rootsMax));
  }

  /** PEM: what a server shows behind leaf and issuing CA. */
  get pem(): string {
    return this.#certificates.map(String).join('');
  }

  /** A keyset statement with what leads older pins to who signed it. */
  behind(statement: string): string {
    const successors = this.#certificates.filter((certificate) => !certificate.verify(certificate.publicKey));
    return withSuccessors(statement, successors.toReversed());
  }
}
