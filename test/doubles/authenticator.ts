// An authenticator in software (WebAuthn Level 3): passkeys on P-256, a person who is always there. What it signs is
// what a real one would; a test may make each part of it wrong.

import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import type { Assertion, Attestation } from '../../src/api/passkeys.ts';

export interface HeldPasskey {
  readonly id: string;
  readonly rpId: string;
  readonly userHandle: string;
  readonly key: KeyObject;
  counter: number;
}

/** What a test makes wrong. */
export interface Twist {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  /** User present 0x01, user verified 0x04. */
  readonly flags?: number;
  readonly counter?: number;
  readonly key?: KeyObject;
  readonly userHandle?: string;
}

interface CreationOptions {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
}

const present = 0x01;
const verified = 0x04;
const hasKey = 0x40;

export class Authenticator {
  readonly origin: string;
  readonly passkeys: HeldPasskey[] = [];

  constructor(origin: string) {
    this.origin = origin;
  }

  create(options: Readonly<Record<string, unknown>>, twist: Twist = {}): Attestation {
    const { challenge, rp, user } = options as unknown as CreationOptions;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const id = randomBytes(20);
    const held: HeldPasskey = {
      id: id.toString('base64url'),
      rpId: rp.id,
      userHandle: user.id,
      key: privateKey,
      counter: 0,
    };
    const jwk = publicKey.export({ format: 'jwk' });
    const cose = cborMap([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(jwk.x ?? '', 'base64url')],
      [-3, Buffer.from(jwk.y ?? '', 'base64url')],
    ]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const credential = Buffer.concat([Buffer.alloc(16), length, id, cose]);
    const authData = Buffer.concat([this.#authData(held, hasKey, twist), credential]);
    const attestationObject = cborMap([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', authData],
    ]);
    this.passkeys.push(held);
    return {
      id: held.id,
      rawId: held.id,
      type: 'public-key',
      response: {
        clientDataJSON: this.#clientData('webauthn.create', challenge, twist).toString('base64url'),
        attestationObject: attestationObject.toString('base64url'),
      },
    };
  }

  get(challenge: string, held = this.passkeys[0], twist: Twist = {}): Assertion {
    if (held === undefined) throw new Error('this authenticator has no passkey');
    held.counter += 1;
    const authData = this.#authData(held, 0, twist);
    const client = this.#clientData('webauthn.get', challenge, twist);
    const signed = createSign('sha256').update(authData).update(sha256(client));
    return {
      id: held.id,
      rawId: held.id,
      type: 'public-key',
      response: {
        clientDataJSON: client.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signed.sign(twist.key ?? held.key).toString('base64url'),
        userHandle: twist.userHandle ?? held.userHandle,
      },
    };
  }

  #clientData(type: string, challenge: string, twist: Twist): Buffer {
    const data = {
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin: twist.origin ?? this.origin,
      crossOrigin: twist.crossOrigin ?? false,
    };
    return Buffer.from(JSON.stringify(data), 'utf8');
  }

  #authData(held: HeldPasskey, more: number, twist: Twist): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(twist.counter ?? held.counter);
    const flags = (twist.flags ?? present | verified) | more;
    return Buffer.concat([sha256(Buffer.from(twist.rpId ?? held.rpId)), Buffer.from([flags]), counter]);
  }
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

type Cbor = number | string | Buffer | ReadonlyMap<unknown, unknown>;

/** Just what is needed of RFC 8949: small integers, text, bytes, maps. */
function cborMap(entries: readonly (readonly [number | string, Cbor])[]): Buffer {
  return Buffer.concat([
    head(5, entries.length),
    ...entries.flatMap(([key, value]) => [cbor(key), cbor(value)]),
  ]);
}

function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  return head(5, 0);
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff]);
}
