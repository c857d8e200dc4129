// A stream encrypted to one X25519 key (RFC 7748), for backups: whoever makes one needs no secret, and whoever
// finds one learns nothing. Layout (docs/backup.md):
//
//   magic      16 bytes  "sallyport/bak/1\n"
//   ephemeral  32 bytes  public half of a key made for this stream alone
//   segment*   up to 64 KiB encrypted with AES-256-GCM, and its 16-byte tag
//
// The key is HKDF-SHA256 (RFC 5869) of the shared secret, salted with magic, ephemeral and recipient. The nonce
// is the segment's number, 11 bytes big-endian, and a byte that is 1 for the last one (the STREAM construction of
// Hoang, Reyhanitabar, Rogaway and Vizár, 2015): segments that are dropped, moved, repeated or cut off at the end
// do not decrypt. Nothing of a segment is given out before it was authenticated.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { privatePem } from './keys.ts';

const magic = Buffer.from('sallyport/bak/1\n', 'latin1');
const keyBytes = 32;
const tagBytes = 16;
const segmentBytes = 64 * 1024;
/** SPKI of X25519 without the key itself (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const recipientPrefix = 'spb1.';

/** What is wrong with a sealed stream; nothing of it may be used then. */
export class SealFault extends Error {
  readonly why: 'not_sealed' | 'other_version' | 'wrong_key_or_changed' | 'truncated';
  constructor(why: SealFault['why'], message: string) {
    super(message);
    this.name = 'SealFault';
    this.why = why;
  }
}

export interface SealKeys {
  /** PKCS#8 PEM: to be kept far from what it opens. */
  readonly privatePem: string;
  /** "spb1.…": what to seal to. */
  readonly recipient: string;
}

export function newSealKeys(): SealKeys {
  const { privateKey } = generateKeyPairSync('x25519');
  return {
    privatePem: privatePem(privateKey),
    recipient: recipientOf(privateKey),
  };
}

/** Undefined for a text that names no key. */
export function parseRecipient(text: string): KeyObject | undefined {
  const raw = text.startsWith(recipientPrefix) ? text.slice(recipientPrefix.length) : '';
  const bytes = Buffer.from(raw, 'base64url');
  return bytes.length === keyBytes && bytes.toString('base64url') === raw ? publicKeyOf(bytes) : undefined;
}

/** Undefined for a PEM that is no X25519 private key. */
export function parseSealKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'x25519' ? key : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

export function recipientOf(key: KeyObject): string {
  return `${recipientPrefix}${rawPublic(createPublicKey(key)).toString('base64url')}`;
}

export async function* seal(source: AsyncIterable<Uint8Array>, recipient: KeyObject): AsyncGenerator<Buffer> {
  const own = generateKeyPairSync('x25519');
  const ephemeral = rawPublic(own.publicKey);
  const secret = diffieHellman({ privateKey: own.privateKey, publicKey: recipient });
  const key = derive(secret, ephemeral, rawPublic(recipient));
  yield Buffer.concat([magic, ephemeral]);
  let number = 0;
  const encrypt = (segment: Buffer, isLast: boolean): Buffer => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce(number++, isLast));
    return Buffer.concat([cipher.update(segment), cipher.final(), cipher.getAuthTag()]);
  };
  let held: Buffer | undefined;
  for await (const segment of pieces(source, segmentBytes)) {
    if (held !== undefined) yield encrypt(held, false);
    held = segment;
  }
  yield encrypt(held ?? Buffer.alloc(0), true);
}

/** Throws SealFault. */
export async function* unseal(source: AsyncIterable<Uint8Array>, key: KeyObject): AsyncGenerator<Buffer> {
  const reader = pieces(source, segmentBytes + tagBytes, magic.length + keyBytes);
  const head = await reader.next();
  const header = head.done === true ? Buffer.alloc(0) : head.value;
  if (header.length < magic.length + keyBytes || !header.subarray(0, 10).equals(magic.subarray(0, 10))) {
    throw new SealFault('not_sealed', 'this is no sealed backup');
  }
  if (!header.subarray(0, magic.length).equals(magic)) {
    throw new SealFault('other_version', 'this backup was made by another version');
  }
  const ephemeral = header.subarray(magic.length);
  const secret = sharedSecret(key, ephemeral);
  const opened = derive(secret, ephemeral, rawPublic(createPublicKey(key)));
  let number = 0;
  let held: Buffer | undefined;
  for await (const segment of reader) {
    if (held !== undefined) yield decrypt(held, opened, { number: number++, isLast: false });
    held = segment;
  }
  if (held === undefined) throw new SealFault('truncated', 'the backup ends after its header');
  yield decrypt(held, opened, { number, isLast: true });
}

/** RFC 7748 section 6.1: a point of low order, which gives no secret, is refused. */
function sharedSecret(key: KeyObject, ephemeral: Buffer): Buffer {
  try {
    return diffieHellman({ privateKey: key, publicKey: publicKeyOf(ephemeral) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new SealFault('wrong_key_or_changed', 'its header was changed');
  }
}

function decrypt(
  segment: Buffer,
  key: Buffer,
  { number, isLast }: { readonly number: number; readonly isLast: boolean },
): Buffer {
  if (segment.length < tagBytes) throw new SealFault('truncated', 'the backup was cut off');
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(number, isLast));
  decipher.setAuthTag(segment.subarray(segment.length - tagBytes));
  try {
    return Buffer.concat([decipher.update(segment.subarray(0, segment.length - tagBytes)), decipher.final()]);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new SealFault(
      'wrong_key_or_changed',
      number === 0 ? 'the key does not open it, or it was changed' : 'it was changed, or cut off',
    );
  }
}

function derive(secret: Buffer, ephemeral: Buffer, recipient: Buffer): Buffer {
  const salt = Buffer.concat([magic, ephemeral, recipient]);
  return Buffer.from(hkdfSync('sha256', secret, salt, 'sallyport backup', keyBytes));
}

function nonce(number: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(BigInt(number), 3);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

function rawPublic(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(spkiPrefix.length);
}

function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' });
}

/** The bytes in pieces of exactly `size`, the first of `first`; the last may be shorter. */
async function* pieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
  first = size,
): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let length = 0;
  let wanted = first;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    let all = Buffer.concat(held);
    while (all.length >= wanted) {
      yield all.subarray(0, wanted);
      all = all.subarray(wanted);
      wanted = size;
    }
    held = [all];
    length = all.length;
  }
  if (length > 0) yield Buffer.concat(held);
}
