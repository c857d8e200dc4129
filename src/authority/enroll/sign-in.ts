// Use-cases: a person's sign-in goes on (a fresh certificate for the same key), or ends (its key is worth
// nothing any more, and what it opened ends with it).

import type { z } from 'zod';
import type { signInRenewed } from '../../api/enrollments.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventActor } from '../../core/event.ts';
import type { IdentityId, SessionId } from '../../core/ids.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { addressesOf } from '../admin/broker-facts.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import { reviewDelegated } from '../sessions/review-sessions.ts';
import { signInEnd } from './sign-in-end.ts';
import {
  credentialIdOf,
  forgetExpired,
  issueCredential,
  requireCsr,
  revokeCredentials,
} from './credentials.ts';

/** The same key: live sessions are bound to it. A new key needs a new invite. */
export async function renewSignIn(
  ctx: AuthorityContext,
  caller: Operator,
  csr: string,
): Promise<z.infer<typeof signInRenewed>> {
  const { identity } = caller;
  if (identity.kind !== 'human') {
    throw new SallyportError('forbidden', 'a machine shows again what it is, each time', {
      next: 'sallyport login ADDRESS --workload NAME',
    });
  }
  const key = requireCsr(csr);
  if (key.spki !== caller.spki) {
    throw new SallyportError('invalid', 'a sign-in is renewed for the key it was made with', {
      next: 'for a new key ask for a new invite',
    });
  }
  const before = await ctx.store.get('credential', credentialIdOf(caller.serial));
  const provider = before?.value.provider;
  const until = await signInEnd(ctx, identity, before?.value ?? {});
  if (until !== undefined && until <= ctx.clock.now()) {
    throw new SallyportError('forbidden', 'this sign-in is over its time, and is not renewed any more', {
      next: `sign in again: sallyport login ${ctx.broker.address}`,
    });
  }
  const issued = await issueCredential(ctx, {
    id: identity.id,
    kind: identity.kind,
    key,
    ...(until === undefined ? {} : { until }),
    ...(provider === undefined ? {} : { provider }),
    // Where that was not kept yet the key is an old one.
    since: before?.value.since ?? 0,
  });
  await ctx.store.commit({
    changes: [
      ...(await forgetExpired(ctx, { holder: identity.id, spki: key.spki })),
      { put: 'credential', value: issued.credential, rev: 0 },
    ],
    events: [
      {
        type: 'credential.renewed',
        actor: actor(caller),
        outcome: 'success',
        identity: identity.id,
        credential: issued.credential.id,
        body: {
          name: identity.name,
          serial: issued.credential.serial,
          notAfter: new Date(issued.credential.notAfter).toISOString(),
          sourceIp: caller.sourceIp,
        },
      },
    ],
  });
  return {
    certificate: issued.chainPem,
    keyset: ctx.pki.keysetStatement,
    addresses: addressesOf(ctx.broker),
  };
}

export async function signOut(ctx: AuthorityContext, caller: Operator): Promise<{ readonly done: true }> {
  const { identity, spki } = caller;
  const changes = await revokeCredentials(ctx, { holder: identity.id, spki });

  await ctx.store.commit({
    changes,
    events: [
      {
        type: 'credential.revoked',
        actor: actor(caller),
        outcome: 'success',
        identity: identity.id,
        body: { name: identity.name, spki, why: 'signed out', sourceIp: caller.sourceIp },
      },
    ],
  });

  await endOpened(ctx, identity.id, { keys: [spki], by: actor(caller), detail: 'signed out' });
  return { done: true };
}

/** What these keys of a person opened ends, and what AI agents do for him is looked at again. */
export async function endOpened(
  ctx: AuthorityContext,
  identity: IdentityId,
  {
    keys,
    by,
    detail,
  }: { readonly keys: readonly string[]; readonly by: EventActor; readonly detail: string },
): Promise<void> {
  const opened: SessionId[] = [];
  for (const live of ctx.sessions.all()) {
    if (live.identity !== identity) continue;
    const cnf = (await ctx.store.get('session', live.id))?.value.cnf;
    if (cnf !== undefined && keys.includes(cnf)) opened.push(live.id);
  }
  await endSessions(ctx, opened, { reason: 'operator_gone', by, detail });
  await reviewDelegated(ctx, identity);
}
