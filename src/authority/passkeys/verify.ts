// What an authenticator answered, verified (WebAuthn Level 3, sections 7.1 and 7.2): type, challenge, exact origin,
// relying party, a person who was present and verified, the signature by the key that is stored, a counter that
// rises. Negative test I1.

import type { Assertion, Attestation } from '../../api/passkeys.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Passkey } from '../../core/sign-in.ts';
import { isTopLevel, judgeAssertion, readClientData } from '../../platform/webauthn.ts';
import { sha256 } from '../../wire/signed.ts';
import type { ConsoleFacts } from '../context.ts';

/** What of it is wrong: a closed list, for the log. */
export type PasskeyFault =
  | 'no_challenge'
  | 'unknown_passkey'
  | 'foreign_passkey'
  | 'counter'
  | 'cross_origin'
  | 'not_verified'
  | 'recovery_code';

export class PasskeyRefused extends Error {
  readonly code: PasskeyFault;

  constructor(code: PasskeyFault, why: string = code) {
    super(why);
    this.name = 'PasskeyRefused';
    this.code = code;
  }

  /** One answer for all of them: what exactly was wrong helps who tries it out. */
  toCaller(): SallyportError {
    if (this.code === 'recovery_code') {
      return new SallyportError('unauthenticated', 'this recovery code was not accepted', {
        next: 'each is good once, and the newest ten count; else ask an administrator for an invite',
      });
    }
    return new SallyportError('unauthenticated', 'this passkey was not accepted', {
      next: 'try again; if it is new here, ask an administrator for an invite',
    });
  }
}

export interface Asked {
  readonly console: ConsoleFacts;
  /** Base64url. */
  readonly challenge: string;
}

/** What the client says that it signed; undefined where it is no JSON. To be believed once it is verified. */
export function challengeOf({ response }: Assertion | Attestation): string | undefined {
  const challenge = readClientData(response.clientDataJSON)?.['challenge'];
  return typeof challenge === 'string' ? challenge : undefined;
}

/** The passkey as it is after this use. Throws PasskeyRefused. */
export async function verifyAssertion(
  passkey: Passkey,
  answer: Assertion,
  { console, challenge, now }: Asked & { readonly now: number },
): Promise<Passkey> {
  const verdict = await judgeAssertion(answer.response, {
    credential: passkey.credential,
    publicKey: passkey.publicKey,
    challenge,
    origins: [console.origin],
    rpId: console.host,
  });
  if (!verdict.ok) throw new PasskeyRefused(verdict.fault, verdict.why);
  const { counter, isSynced } = verdict;
  // Zero: an authenticator that keeps none, as those do whose passkeys are synced.
  if ((counter > 0 || passkey.counter > 0) && counter <= passkey.counter) throw new PasskeyRefused('counter');
  return { ...passkey, counter, isSynced, lastUsedAt: now };
}

/** A new passkey without its owner. Throws PasskeyRefused. */
export async function verifyAttestation(
  answer: Attestation,
  { console, challenge }: Asked,
): Promise<Pick<Passkey, 'id' | 'credential' | 'publicKey' | 'counter' | 'isSynced'>> {
  if (!isTopLevel(answer.response.clientDataJSON)) throw new PasskeyRefused('cross_origin');
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const { rawId, id, type, response } = answer;
  const { clientDataJSON, attestationObject } = response;
  const result = await verifyRegistrationResponse({
    response: {
      id,
      rawId,
      type,
      clientExtensionResults: {},
      response: { clientDataJSON, attestationObject },
    },
    expectedChallenge: challenge,
    expectedOrigin: console.origin,
    expectedRPID: console.host,
    requireUserVerification: true,
    supportedAlgorithmIDs: [...algorithms],
  }).catch((error: unknown) => {
    throw new PasskeyRefused('not_verified', error instanceof Error ? error.message : undefined);
  });
  if (!result.verified) throw new PasskeyRefused('not_verified');
  const { credential, credentialBackedUp } = result.registrationInfo;
  return {
    id: passkeyId(credential.id),
    credential: credential.id,
    publicKey: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    isSynced: credentialBackedUp,
  };
}

/** COSE: EdDSA, ES256, RS256. */
export const algorithms = [-8, -7, -257] as const;

/** Of an authenticator's credential id. */
export function passkeyId(credential: string): string {
  return sha256(Buffer.from(credential, 'base64url'));
}
