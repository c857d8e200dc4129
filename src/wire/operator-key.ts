// The operator's public key as a signed open carries it (docs/protocol.md, "The pass"): the same few keys come
// with every channel, and reading one costs more than checking a signature with it, so the newest are kept.
// Which key it has to be is for the caller to say, by its thumbprint.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { limits } from '../core/limits.ts';
import { Newest } from '../core/newest.ts';
import { keyIdOf, spkiThumbprint } from './signed.ts';

export interface OperatorKey {
  readonly key: KeyObject;
  readonly kid: string;
  readonly thumbprint: string;
}

const spkiMaxLength = 256;
const known = new Newest<OperatorKey>(limits.operatorKeysKept);

/** P-256 or Ed25519, SPKI DER in base64url; undefined for anything else, which could not have signed. */
export function operatorKey(spki: unknown): OperatorKey | undefined {
  if (typeof spki !== 'string' || spki.length > spkiMaxLength) return undefined;
  return known.get(spki, () => read(spki));
}

function read(spki: string): OperatorKey | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki, 'base64url'), format: 'der', type: 'spki' });
  } catch (error) {
    // A stranger's bytes that are no key: the one thing that parsing them can say.
    if (error instanceof Error) return undefined;
    throw error;
  }
  const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  if (!isP256 && key.asymmetricKeyType !== 'ed25519') return undefined;
  const thumbprint = spkiThumbprint(key);
  return { key, thumbprint, kid: keyIdOf(thumbprint) };
}
