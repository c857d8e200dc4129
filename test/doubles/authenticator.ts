// An authenticator in software (WebAuthn Level 3): passkeys on P-256, a person who is always there. What it signs is
// what a real one would; a test may make each part of it wrong.

import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import type { Assertion, Attestation } from '../../src/api/passkeys.ts';
import {
  attestation,
  attested,
  authenticatorData,
  clientData,
  flags,
  signature,
} from '../../src/cli/demo/approval/virtual-passkey.ts';

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

export class Authenticator {
  readonly origin: string;
  readonly passkeys: HeldPasskey[] = [];

  constructor(origin: string) {
    this.origin = origin;
  }

  create(options: Readonly<Record<string, unknown>>, twist: Twist = {}): Attestation {
    const { challenge, rp, user } = options as unknown as CreationOptions;
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const raw = randomBytes(20);
    const id = raw.toString('base64url');
    const held: HeldPasskey = { id, rpId: rp.id, userHandle: user.id, key, counter: 0 };
    this.passkeys.push(held);
    const data = Buffer.concat([this.#data(held, flags.newKey, twist), attested(raw, publicKey)]);
    const response = {
      clientDataJSON: this.#client('webauthn.create', challenge, twist).toString('base64url'),
      attestationObject: attestation(data).toString('base64url'),
    };
    return { id, rawId: id, type: 'public-key', response };
  }

  get(challenge: string, held = this.passkeys[0], twist: Twist = {}): Assertion {
    if (held === undefined) throw new Error('this authenticator has no passkey');
    held.counter += 1;
    const data = this.#data(held, 0, twist);
    const client = this.#client('webauthn.get', challenge, twist);
    const response = {
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature(twist.key ?? held.key, data, client).toString('base64url'),
      userHandle: twist.userHandle ?? held.userHandle,
    };
    return { id: held.id, rawId: held.id, type: 'public-key', response };
  }

  #client(type: string, challenge: string, twist: Twist): Buffer {
    return clientData({
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin: twist.origin ?? this.origin,
      crossOrigin: twist.crossOrigin ?? false,
    });
  }

  #data(held: HeldPasskey, more: number, twist: Twist): Buffer {
    return authenticatorData({
      rpId: twist.rpId ?? held.rpId,
      flags: (twist.flags ?? flags.present | flags.verified) | more,
      counter: twist.counter ?? held.counter,
    });
  }
}
