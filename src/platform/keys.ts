// Private keys: made here, kept as PKCS#8 PEM with mode 0600, loaded only from there. P-256 for TLS
// (every client speaks it), Ed25519 for statements and where speed counts. No other kind is accepted.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { FileFault } from './file-fault.ts';
import { readPrivateFile, readPrivateFileSync, writeFileAtomic } from './files.ts';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function generateP256(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function generateEd25519(): KeyPair {
  return generateKeyPairSync('ed25519');
}

/** Undefined when there is no such file. */
export async function loadPrivateKey(path: string): Promise<KeyObject | undefined> {
  const pem = await readPrivateFile(path);
  return pem === undefined ? undefined : parsePrivateKey(path, pem);
}

export function loadPrivateKeySync(path: string): KeyObject | undefined {
  const pem = readPrivateFileSync(path);
  return pem === undefined ? undefined : parsePrivateKey(path, pem);
}

/** Writes PKCS#8 PEM, 0600, durable when it returns. */
export async function storePrivateKey(path: string, key: KeyObject): Promise<void> {
  await writeFileAtomic(path, privatePem(key), { mode: 0o600 });
}

export function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** SPKI DER of a public key, or of the public half of a private one. */
export function spkiOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** The inverse: SPKI DER, base64url, as records keep it. Throws where it is none. */
export function publicKeyOf(spki: string): KeyObject {
  return createPublicKey({ key: Buffer.from(spki, 'base64url'), format: 'der', type: 'spki' });
}

/** The two kinds of key in use; undefined for every other. */
export function keyKind(key: KeyObject): 'p256' | 'ed25519' | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? 'p256' : undefined;
}

function parsePrivateKey(path: string, pem: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch (error) {
    throw unreadable(path, 'holds no private key in PEM form', error);
  }
  if (keyKind(key) === undefined) throw unreadable(path, 'holds a key that is neither P-256 nor Ed25519');
  return key;
}

function unreadable(path: string, what: string, cause?: unknown): FileFault {
  return new FileFault('unreadable_key', path, {
    message: `"${path}" ${what}`,
    next: 'restore it from a backup, or move it away and start anew',
    cause,
  });
}
