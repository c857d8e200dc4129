// The browser's passkeys. What is signed for something that was shown is the hash of the very text that was shown:
// made here, and never taken from the broker.

import {
  startAuthentication,
  startRegistration,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import type { Assertion, Attestation } from '../api/passkeys.ts';
import { signedText, type signedWords } from '../core/signed-text.ts';
import { Problem } from './api.ts';

export type Options = Readonly<Record<string, unknown>>;

export async function createPasskey(options: Options): Promise<Attestation> {
  return await asked(async () => {
    const optionsJSON = options as unknown as PublicKeyCredentialCreationOptionsJSON;
    const { id, rawId, response } = await startRegistration({ optionsJSON });
    const { clientDataJSON, attestationObject } = response;
    return { id, rawId, type: 'public-key', response: { clientDataJSON, attestationObject } };
  });
}

export async function usePasskey(options: Options): Promise<Assertion> {
  return await asked(async () => {
    const optionsJSON = options as unknown as PublicKeyCredentialRequestOptionsJSON;
    const { id, rawId, response } = await startAuthentication({ optionsJSON });
    const { clientDataJSON, authenticatorData, signature, userHandle } = response;
    return {
      id,
      rawId,
      type: 'public-key',
      response: { clientDataJSON, authenticatorData, signature, userHandle: userHandle ?? null },
    };
  });
}

/** A yes to exactly what is shown. Throws Problem where the broker names another hash than the one of that. */
export async function signShown(
  word: keyof typeof signedWords,
  { content, digest }: { readonly content: string; readonly digest: string },
): Promise<Assertion> {
  // INVARIANT: the hash is made here, of the text that is shown, and never taken from the broker.
  if ((await digestOf(word, content)) === digest) return await signText(word, content);
  throw new Problem(
    'the broker names another hash than the one of what it shows',
    'internal',
    'nothing was signed; tell whoever runs the broker',
  );
}

/** A yes to exactly this text. */
export async function signText(word: keyof typeof signedWords, text: string): Promise<Assertion> {
  const challenge = await digestOf(word, text);
  return await usePasskey({
    challenge,
    rpId: location.hostname,
    userVerification: 'required',
    timeout: 300_000,
  });
}

/** Base64url of SHA-256. */
async function digestOf(word: keyof typeof signedWords, text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(signedText(word, text)));
  return btoa(String.fromCharCode(...new Uint8Array(hash)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** The browser's words for what its owner did are names of classes. */
async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { name } = error instanceof Error ? error : { name: '' };
    if (name === 'NotAllowedError' || name === 'AbortError') {
      throw new Problem('no passkey was used', 'cancelled', 'try again, and confirm with your passkey');
    }
    if (name === 'InvalidStateError') {
      throw new Problem('this authenticator has a passkey for you already', 'conflict', 'use another one');
    }
    throw new Problem(
      'this browser cannot use passkeys here',
      'unavailable',
      'try another browser or device',
    );
  }
}
