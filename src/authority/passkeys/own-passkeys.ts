// Use-cases: a person's own passkeys: listed, one more, one less. The last one stays: without it nobody could come
// back by himself.

import type { Attestation, PasskeyView } from '../../api/passkeys.ts';
import { SallyportError } from '../../core/errors.ts';
import type { IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Passkey } from '../../core/sign-in.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { StoreConflict } from '../store/store.ts';
import type { Challenges } from './challenges.ts';
import { creationOptions, requireConsole } from './options.ts';
import { passkeyAdded } from './passkey-door.ts';
import { endedSignIns } from './sign-ins.ts';
import { challengeOf, PasskeyRefused, verifyAttestation } from './verify.ts';
import { loggingRefusal } from './verify-own.ts';

export async function listPasskeys(
  ctx: AuthorityContext,
  caller: Operator,
): Promise<{ readonly items: PasskeyView[] }> {
  return { items: (await heldBy(ctx, caller.identity.id)).map((passkey) => view(caller, passkey)) };
}

export async function beginAddPasskey(
  ctx: AuthorityContext,
  caller: Operator,
  challenges: Challenges,
): Promise<{ readonly options: Readonly<Record<string, unknown>> }> {
  const { id, name } = caller.identity;
  // A passkey says yes where a provider's word alone does not: who has only that does not make himself one.
  if (caller.signIn?.provider !== undefined) {
    throw new SallyportError('forbidden', 'a provider’s sign-in makes no passkey', {
      next: 'sign in with a passkey that you have, or ask an administrator for an invite to your first one',
    });
  }
  const challenge = challenges.make({ purpose: 'add', identity: id }, caller.sourceIp);
  return { options: await creationOptions(ctx, { console: requireConsole(ctx), challenge, id, name }) };
}

export async function addPasskey(
  ctx: AuthorityContext,
  caller: Operator,
  {
    name: typed,
    attestation,
    challenges,
  }: {
    readonly name: string;
    readonly attestation: Attestation;
    readonly challenges: Challenges;
  },
): Promise<PasskeyView> {
  const { identity } = caller;
  const name = requireText(typed, 'name');
  if ((await heldBy(ctx, identity.id)).length >= limits.passkeysPerIdentityMax) {
    throw new SallyportError('conflict', `you have ${limits.passkeysPerIdentityMax} passkeys already`, {
      next: 'remove one that you do not use',
    });
  }
  const made = await loggingRefusal(ctx, caller, async () => {
    const challenge = challengeOf(attestation);
    const asked = challenges.take(challenge, 'add');
    if (challenge === undefined || asked?.identity !== identity.id) throw new PasskeyRefused('no_challenge');
    return await verifyAttestation(attestation, { console: requireConsole(ctx), challenge });
  });
  const passkey: Passkey = { ...made, identity: identity.id, name, createdAt: ctx.clock.now() };
  try {
    await ctx.store.commit({
      changes: [{ put: 'passkey', value: passkey, rev: 0 }],
      events: [passkeyAdded(passkey, caller.sourceIp)],
    });
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    throw new SallyportError('conflict', `the passkey "${name}" is here already`, {
      next: 'use another authenticator for a second one',
    });
  }
  return view(caller, passkey);
}

export async function removePasskey(
  ctx: AuthorityContext,
  caller: Operator,
  id: string,
): Promise<{ readonly done: true }> {
  const held = await heldBy(ctx, caller.identity.id);
  const passkey = held.find((one) => one.id === id);
  if (passkey === undefined) {
    throw new SallyportError('not_found', `you have no passkey "${printable(id, 80)}"`, {
      next: 'the console lists yours',
    });
  }
  if (held.length === 1) {
    throw new SallyportError('conflict', `"${printable(passkey.name)}" is your only passkey`, {
      next: 'add another one first',
    });
  }
  const ended = await endedSignIns(ctx, caller.identity.id, ({ passkey: by }) => by === id);
  await ctx.store.commit({
    changes: [{ delete: 'passkey', id }, ...ended],
    events: [
      {
        type: 'passkey.removed',
        actor: actor(caller),
        outcome: 'success',
        identity: caller.identity.id,
        body: { passkey: id, name: passkey.name, signInsEnded: ended.length, sourceIp: caller.sourceIp },
      },
    ],
  });
  return { done: true };
}

export async function heldBy(ctx: AuthorityContext, identity: IdentityId): Promise<readonly Passkey[]> {
  const { items } = await ctx.store.list('passkey', { identity }, { limit: limits.apiPageMax });
  return items.map(({ value }) => value);
}

function view(caller: Operator, passkey: Passkey): PasskeyView {
  const { id, name, isSynced, createdAt, lastUsedAt } = passkey;
  return {
    id,
    name,
    synced: isSynced,
    current: caller.signIn?.passkey === id,
    createdAt: iso(createdAt),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: iso(lastUsedAt) }),
  };
}
