// Use-cases: a command asks for a passkey's yes to exactly the session that it wants to open; its owner sees in a
// browser what, from which key and address, and says yes there; the session then opens. What is signed is the
// text that was shown.

import type { Assertion } from '../../api/passkeys.ts';
import type { StepUpMade, StepUpState, StepUpView } from '../../api/step-ups.ts';
import { SallyportError } from '../../core/errors.ts';
import { canonicalJson, type JsonObject } from '../../core/json.ts';
import { printable } from '../../core/printable.ts';
import { textDigest } from '../../wire/approval.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { wishHash } from '../sessions/mfa-facts.ts';
import { paramsForLog } from '../sessions/params-for-log.ts';
import { readWish, type WishBody } from '../sessions/wish.ts';
import { requireConsole } from './options.ts';
import type { StepUp } from './step-ups.ts';
import { verifyOwn } from './verify-own.ts';

/** Whether policy wants it is policy's business when the session opens: here nothing is decided. */
export function beginStepUp(ctx: AuthorityContext, caller: Operator, body: WishBody): StepUpMade {
  const { identity } = caller;
  if (identity.kind !== 'human') {
    throw new SallyportError('forbidden', 'only people have passkeys', {
      next: 'a policy without @mfa for machines and AI agents is for an administrator to write',
    });
  }
  const { origin } = requireConsole(ctx);
  const { target, params } = readWish(caller, body);
  const id = Buffer.from(ctx.random.bytes(16)).toString('base64url');
  const now = ctx.clock.now();
  const content: JsonObject = {
    stepUp: id,
    broker: ctx.broker.name,
    identity: { id: identity.id, name: identity.name },
    cnf: caller.spki,
    target,
    kind: params.kind,
    // Where a service lies is the broker's word.
    ...(target.includes('/') ? {} : paramsForLog(params)),
    sourceIp: caller.sourceIp,
    askedAt: iso(now),
  };
  const wish = wishHash(target, params);
  const added = ctx.stepUps.add({ id, identity: identity.id, cnf: caller.spki, content, wish });
  if (added === undefined) {
    throw new SallyportError('rate_limited', 'too many sessions wait for a passkey already', {
      next: 'answer or give up some of them; each is over after five minutes',
    });
  }
  return { id, url: `${origin}/step-up/${id}`, expiresAt: iso(now + added.lifeMs) };
}

/** In the browser of whoever asked. */
export function showStepUp(ctx: AuthorityContext, caller: Operator, id: string): StepUpView {
  const stepUp = requireOwn(ctx, caller, id);
  const content = canonicalJson(stepUp.content);
  return { id, content, digest: textDigest(content, 'stepUp'), confirmed: stepUp.passkey !== undefined };
}

/** For the command that waits. */
export function stepUpState(ctx: AuthorityContext, caller: Operator, id: string): StepUpState {
  return { confirmed: requireOwn(ctx, caller, id).passkey !== undefined };
}

export async function confirmStepUp(
  ctx: AuthorityContext,
  caller: Operator,
  { id, assertion }: { readonly id: string; readonly assertion: Assertion },
): Promise<{ readonly done: true }> {
  const stepUp = requireOwn(ctx, caller, id);
  const challenge = textDigest(canonicalJson(stepUp.content), 'stepUp');
  const { change, passkey } = await verifyOwn(ctx, caller, { assertion, challenge });
  const { clientDataJSON, authenticatorData, signature } = assertion.response;
  await ctx.store.commit({
    changes: [change],
    events: [
      {
        type: 'mfa.confirmed',
        actor: actor(caller),
        outcome: 'success',
        identity: caller.identity.id,
        body: {
          ...stepUp.content,
          name: caller.identity.name,
          passkey: passkey.id,
          publicKey: passkey.publicKey,
          clientDataJSON,
          authenticatorData,
          signature,
          confirmedFrom: caller.sourceIp,
        },
      },
    ],
  });
  if (ctx.stepUps.confirm(id, passkey.id)) return { done: true };
  throw new SallyportError('conflict', 'this was answered or is over already', {
    next: 'start the command again',
  });
}

function requireOwn(ctx: AuthorityContext, caller: Operator, id: string): StepUp {
  const found = ctx.stepUps.find(id);
  if (found !== undefined && found.identity === caller.identity.id) return found;
  throw new SallyportError('not_found', `nothing of yours waits here under "${printable(id, 40)}"`, {
    next: 'start the command again: it waits for five minutes, and is answered once',
  });
}
