// A signed-in person's passkey over a text that was shown to him: whose it is, and that it signed exactly that.

import type { Assertion } from '../../api/passkeys.ts';
import type { Passkey } from '../../core/sign-in.ts';
import type { AuthorityContext } from '../context.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { Change } from '../store/store.ts';
import { requireConsole } from './options.ts';
import { challengeOf, passkeyId, PasskeyRefused, verifyAssertion } from './verify.ts';

export interface VerifiedOwn {
  readonly passkey: Passkey;
  /** Its counter and last use, for the same commit as what it was shown for. */
  readonly change: Change;
}

/** `challenge`, base64url, is made here from what he was shown. Throws SallyportError; the refusal is on the log. */
export async function verifyOwn(
  ctx: AuthorityContext,
  caller: Operator,
  { assertion, challenge }: { readonly assertion: Assertion; readonly challenge: string },
): Promise<VerifiedOwn> {
  const console = requireConsole(ctx);
  return await loggingRefusal(ctx, caller, async () => {
    if (challengeOf(assertion) !== challenge)
      throw new PasskeyRefused('no_challenge', 'it signed something else');
    const stored = await ctx.store.get('passkey', passkeyId(assertion.id));
    if (stored === undefined) throw new PasskeyRefused('unknown_passkey');
    if (stored.value.identity !== caller.identity.id) throw new PasskeyRefused('foreign_passkey');
    const used = await verifyAssertion(stored.value, assertion, { console, challenge, now: ctx.clock.now() });
    return { passkey: used, change: { put: 'passkey', value: used, rev: stored.rev } };
  });
}

/** A PasskeyRefused is on the log before its words for the caller are thrown. Also throws `rate_limited`. */
export async function loggingRefusal<T>(
  ctx: AuthorityContext,
  caller: Operator,
  work: () => Promise<T>,
): Promise<T> {
  const { identity, sourceIp } = caller;
  ctx.passkeyTries.requireLeft(identity.id);
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PasskeyRefused)) throw error;
    ctx.passkeyTries.refused(identity.id);
    await ctx.store.commit({
      changes: [],
      events: [
        {
          type: 'auth.failed',
          actor: actor(caller),
          outcome: 'denied',
          code: error.code,
          identity: identity.id,
          body: { door: 'passkey', why: error.message, sourceIp },
        },
      ],
    });
    throw error.toCaller();
  }
}
