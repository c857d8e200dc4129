// A key that lies offline, in a test.

import { generateEd25519, spkiOf } from '../../src/platform/keys.ts';
import { signSealed } from '../../src/wire/break-glass.ts';
import { keyId, spkiThumbprint } from '../../src/wire/signed.ts';

export interface Offline {
  readonly key: string;
  readonly sign: (content: string) => string;
}

export function offlineKey(): Offline {
  const { privateKey, publicKey } = generateEd25519();
  const spki = spkiOf(publicKey).toString('base64url');
  return {
    key: spkiThumbprint(publicKey),
    sign: (content) => signSealed(content, spki, { kid: keyId(publicKey), privateKey }),
  };
}
