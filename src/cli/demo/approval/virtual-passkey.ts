// A passkey in software for the demo: what an authenticator with a person in front of it answers (WebAuthn Level 3,
// sections 6.1 and 6.5), on P-256.

import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import type { Assertion, Attestation } from '../../../api/passkeys.ts';

/** User present, user verified; with a new key besides. */
export const flags = { present: 0x01, verified: 0x04, newKey: 0x40 } as const;

export class VirtualPasskey {
  readonly #origin: string;
  readonly #id = randomBytes(20);
  readonly #key: KeyObject;
  readonly #publicKey: KeyObject;
  #counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = pair.privateKey;
    this.#publicKey = pair.publicKey;
  }

  create(options: Readonly<Record<string, unknown>>): Attestation {
    const client = clientData({
      type: 'webauthn.create',
      challenge: options['challenge'],
      origin: this.#origin,
    });
    const data = this.#authenticatorData(flags.present | flags.verified | flags.newKey);
    const attestationObject = attestation(Buffer.concat([data, attested(this.#id, this.#publicKey)]));
    const id = this.#id.toString('base64url');
    const response = {
      clientDataJSON: client.toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
    };
    return { id, rawId: id, type: 'public-key', response };
  }

  get(challenge: string): Assertion {
    this.#counter += 1;
    const client = clientData({ type: 'webauthn.get', challenge, origin: this.#origin });
    const data = this.#authenticatorData(flags.present | flags.verified);
    const id = this.#id.toString('base64url');
    const response = {
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature(this.#key, data, client).toString('base64url'),
    };
    return { id, rawId: id, type: 'public-key', response };
  }

  #authenticatorData(bits: number): Buffer {
    return authenticatorData({ rpId: new URL(this.#origin).hostname, flags: bits, counter: this.#counter });
  }
}

export function clientData(fields: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(JSON.stringify({ crossOrigin: false, ...fields }), 'utf8');
}

export function authenticatorData(parts: {
  readonly rpId: string;
  readonly flags: number;
  readonly counter: number;
}): Buffer {
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(parts.counter);
  return Buffer.concat([sha256(Buffer.from(parts.rpId)), Buffer.from([parts.flags]), counter]);
}

export function signature(key: KeyObject, data: Buffer, client: Buffer): Buffer {
  return sign('sha256', Buffer.concat([data, sha256(client)]), key);
}

/** Attested credential data: no AAGUID, the id, the key. */
export function attested(id: Buffer, publicKey: KeyObject): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(id.length);
  return Buffer.concat([Buffer.alloc(16), length, id, coseKey(publicKey)]);
}

/** COSE_Key (RFC 9053, ES256). */
export function coseKey(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return map([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, Buffer.from(x, 'base64url')],
    [-3, Buffer.from(y, 'base64url')],
  ]);
}

/** Format "none": nobody vouches for the authenticator. */
export function attestation(authData: Buffer): Buffer {
  return map([
    ['fmt', 'none'],
    ['attStmt', new Map()],
    ['authData', authData],
  ]);
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

type Cbor = number | string | Buffer | ReadonlyMap<unknown, unknown>;

/** Just what is needed of RFC 8949: small integers, text, bytes, maps. */
function map(entries: readonly (readonly [number | string, Cbor])[]): Buffer {
  return Buffer.concat([
    head(5, entries.length),
    ...entries.flatMap(([key, value]) => [cbor(key), cbor(value)]),
  ]);
}

function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  return Buffer.isBuffer(value) ? Buffer.concat([head(2, value.length), value]) : head(5, 0);
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff]);
}
