// A key that lies offline, in a test.

import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
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

/** What such keys sign for a device itself, and who is to get in there. `now`: Unix ms. */
export function onSiteText(now: number, changes: JsonObject = {}): string {
  return canonicalJson({
    trustDomain: 'example.com',
    device: 'pump-7',
    person: 'ana',
    user: '',
    forMs: 20 * 60_000,
    reason: 'valve stuck',
    madeAt: now,
    notAfter: now + 3_600_000,
    nonce: `n${(made += 1)}`,
    ...changes,
  });
}

let made = 0;
