// What authenticators are asked for (WebAuthn Level 3, sections 5.4 and 5.5, as JSON).

import { SallyportError } from '../../core/errors.ts';
import type { IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import type { AuthorityContext, ConsoleFacts } from '../context.ts';
import { algorithms } from './verify.ts';

/** Throws where there is none. */
export function requireConsole(ctx: AuthorityContext): ConsoleFacts {
  const { console } = ctx.broker;
  if (console !== undefined) return console;
  throw new SallyportError('unavailable', 'this broker has no console: passkeys need one', {
    next: 'give the broker a DNS name (docs/console.md); until then: sallyport login ADDRESS --invite …',
  });
}

/** For a passkey of its own that its owner finds by himself: no name has to be typed to sign in. */
export async function creationOptions(
  ctx: AuthorityContext,
  asked: {
    readonly console: ConsoleFacts;
    readonly challenge: string;
    readonly id: IdentityId;
    readonly name: string;
  },
): Promise<Readonly<Record<string, unknown>>> {
  const { console, challenge, id, name } = asked;
  const held = await ctx.store.list('passkey', { identity: id }, { limit: limits.passkeysPerIdentityMax });
  return {
    challenge,
    rp: { id: console.host, name: ctx.broker.name },
    user: { id: Buffer.from(id, 'utf8').toString('base64url'), name, displayName: name },
    pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: held.items.map(({ value }) => ({ type: 'public-key', id: value.credential })),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    attestation: 'none',
    timeout: limits.challengeLifeMs,
  };
}
