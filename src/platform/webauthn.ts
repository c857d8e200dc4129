// What an authenticator answered, verified by the library (WebAuthn Level 3, section 7.2): type, challenge, exact
// origin, relying party, a person who was present and verified, the signature by the key that is given. Used by the
// authority, and by devices that look at approvals themselves. The library is loaded when the first answer comes.

export interface AssertionFacts {
  /** The authenticator's id of the credential, base64url; where only its hash is known, that. */
  readonly credential: string;
  /** COSE_Key, base64url: it says the algorithm. */
  readonly publicKey: string;
  /** Base64url. */
  readonly challenge: string;
  readonly origins: readonly string[];
  readonly rpId: string;
}

/** Of AuthenticatorAssertionResponse, base64url. */
export interface AssertionAnswer {
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
}

export type AssertionVerdict =
  | { readonly ok: true; readonly counter: number; readonly isSynced: boolean }
  /** `cross_origin`: a frame on somebody else's page could have led the hand. */
  | { readonly ok: false; readonly fault: 'cross_origin' | 'not_verified'; readonly why: string };

/** The counter is for the caller to compare: what it was is his to know. */
export async function judgeAssertion(
  answer: AssertionAnswer,
  facts: AssertionFacts,
): Promise<AssertionVerdict> {
  const { clientDataJSON, authenticatorData, signature } = answer;
  if (!isTopLevel(clientDataJSON)) {
    return { ok: false, fault: 'cross_origin', why: 'it was signed inside a frame of another page' };
  }
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id: facts.credential,
        rawId: facts.credential,
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON, authenticatorData, signature },
      },
      expectedChallenge: facts.challenge,
      expectedOrigin: [...facts.origins],
      expectedRPID: facts.rpId,
      requireUserVerification: true,
      credential: {
        id: facts.credential,
        publicKey: new Uint8Array(Buffer.from(facts.publicKey, 'base64url')),
        // The library's words for a counter that fell cannot be told from others.
        counter: 0,
      },
    });
    if (!verified) return { ok: false, fault: 'not_verified', why: 'the signature is not by that key' };
    const { newCounter, credentialBackedUp } = authenticationInfo;
    return { ok: true, counter: newCounter, isSynced: credentialBackedUp };
  } catch (error) {
    return { ok: false, fault: 'not_verified', why: error instanceof Error ? error.message : String(error) };
  }
}

/** False also where it is no JSON. */
export function isTopLevel(clientDataJSON: string): boolean {
  const data = readClientData(clientDataJSON);
  return data !== undefined && data['crossOrigin'] !== true && data['topOrigin'] === undefined;
}

/** What the client says that it signed; undefined where it is no JSON. To be believed once it is verified. */
export function readClientData(clientDataJSON: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
