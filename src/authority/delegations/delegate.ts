// Use-cases: a person lets a machine or an AI agent act for him; that one passes it on, narrower (negative test I15);
// anybody in the chain ends it, and what was opened under it is cut.

import type { z } from 'zod';
import type { delegationBody, DelegationView } from '../../api/delegations.ts';
import type { PageQuery } from '../../api/problem.ts';
import { isWithinScope, type Delegation } from '../../core/delegation.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft, EventType } from '../../core/event.ts';
import { newId, parseId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { parseTarget } from '../../core/target.ts';
import { findIdentity } from '../admin/find.ts';
import { identityName } from '../admin/names.ts';
import { actor as actorOf, may, seesAll, type Operator } from '../admin/operator.ts';
import { pageOfKept, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { reviewDelegated } from '../sessions/review-sessions.ts';
import { updateRecord } from '../store/update-record.ts';
import { liveChain } from './live-chain.ts';

export async function delegate(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.infer<typeof delegationBody>,
): Promise<DelegationView> {
  const now = ctx.clock.now();
  const actor = await requireActor(ctx, caller, body.actor);
  const stray = body.targets.find((target) => parseTarget(target) === undefined);
  if (stray !== undefined) {
    throw new SallyportError('invalid', `"${printable(stray, 60)}" is not a target`, {
      next: 'a target is DEVICE or DEVICE/SERVICE, for example "pump-7"',
    });
  }
  const own = await ctx.store.count('delegation', { identity: caller.identity.id, live: true });
  if (own >= limits.delegationsPerIdentityMax) {
    throw new SallyportError('rate_limited', `you let ${own} act for you already`, {
      next: 'end some: sallyport delegations ls',
    });
  }
  const from = await beginning(ctx, caller, body.parent);
  const scope = { targets: body.targets, actions: body.actions, expiresAt: now + body.forMs };
  if (from.parent !== undefined && !isWithinScope(scope, from.parent)) {
    throw await refuse(ctx, caller, { actor, why: 'it goes further than the one that it is passed on from' });
  }
  if (from.chain.includes(actor.id)) {
    throw await refuse(ctx, caller, { actor, why: 'it would come back to somebody in its chain' });
  }
  const delegation: Delegation = {
    ...scope,
    id: newId('dlg', ctx.random.bytes(16)),
    tenant: actor.tenant,
    actor: actor.id,
    chain: from.chain,
    ...(from.parent === undefined ? {} : { parent: from.parent.id }),
    cnf: from.cnf,
    createdAt: now,
  };
  await ctx.store.commit({
    changes: [{ put: 'delegation', value: delegation, rev: 0 }],
    events: [await event(ctx, caller, 'delegation.created', delegation)],
  });
  return await view(ctx, delegation);
}

/** Who acts for people is made known by an administrator first: with an owner, a purpose and an end. */
async function requireActor(ctx: AuthorityContext, caller: Operator, name: string): Promise<Identity> {
  const found = await findIdentity(ctx, name);
  const isThere = found !== undefined && found.kind !== 'human' && found.tenant === caller.identity.tenant;
  if (isThere) return found;
  throw new SallyportError('not_found', `there is no machine or AI agent "${printable(name, 80)}"`, {
    next: 'an administrator makes it known: sallyport identities add NAME --kind ai_agent …',
  });
}

interface Beginning {
  readonly chain: Delegation['chain'];
  readonly parent?: Delegation;
  readonly cnf: string;
}

async function beginning(
  ctx: AuthorityContext,
  caller: Operator,
  parentId: string | undefined,
): Promise<Beginning> {
  const { identity, spki } = caller;
  if (parentId === undefined) {
    if (identity.kind === 'human') return { chain: [identity.id], cnf: spki };
    throw new SallyportError(
      'forbidden',
      'only people let others act for them; who acts for one passes that on',
      {
        next: 'name the delegation that you act under',
      },
    );
  }
  const parent = await requireDelegation(ctx, caller, parentId);
  if (parent.actor !== identity.id) throw noSuchDelegation(parentId);
  const answer = await liveChain(ctx, parent);
  if (!answer.ok) throw ended(answer.why);
  if (parent.chain.length >= limits.delegationDepthMax) {
    throw new SallyportError('denied', `it was passed on ${parent.chain.length} times already`, {
      next: 'ask the person whom it is for',
    });
  }
  return { chain: [...parent.chain, identity.id], parent, cnf: parent.cnf };
}

/** For the one who acts, those he acts for, and who sees all; for others there is none. */
export async function requireDelegation(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<Delegation> {
  const id = parseId('dlg', text);
  const found = id === undefined ? undefined : (await ctx.store.get('delegation', id))?.value;
  if (found !== undefined && (seesAll(ctx, caller) || isPartOf(caller, found))) return found;
  throw noSuchDelegation(text);
}

export async function endDelegation(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<{ readonly done: true }> {
  const delegation = await requireDelegation(ctx, caller, text);
  if (!isPartOf(caller, delegation) && !may(ctx, caller, 'stopAccess')) throw noSuchDelegation(text);
  const draft = await event(ctx, caller, 'delegation.ended', delegation);
  await updateRecord(ctx.store, { kind: 'delegation', id: delegation.id }, (value) =>
    value.endedAt === undefined
      ? { value: { ...value, endedAt: ctx.clock.now() }, events: [draft] }
      : undefined,
  );
  await reviewDelegated(ctx, delegation.chain[0]);
  return { done: true };
}

export async function listDelegations(
  ctx: AuthorityContext,
  caller: Operator,
  query: PageQuery,
): Promise<Paged<DelegationView>> {
  const source = { store: ctx.store, kind: 'delegation', filter: {} } as const;
  const isSeen = (delegation: Delegation): boolean => seesAll(ctx, caller) || isPartOf(caller, delegation);
  const { kept, next } = await pageOfKept(source, query, isSeen);
  const items: DelegationView[] = [];
  for (const delegation of kept) items.push(await view(ctx, delegation));
  return { items, ...(next === undefined ? {} : { next }) };
}

function isPartOf({ identity }: Operator, { actor, chain }: Delegation): boolean {
  return actor === identity.id || chain.includes(identity.id);
}

export function ended(why: string): SallyportError {
  return new SallyportError('denied', `the delegation does not hold: ${why}`, {
    next: 'ask the person whom it is for: sallyport delegate …',
  });
}

function noSuchDelegation(text: string): SallyportError {
  return new SallyportError('not_found', `there is no delegation "${printable(text, 80)}" for you`, {
    next: '"sallyport delegations ls" lists the ones you may see',
  });
}

async function refuse(
  ctx: AuthorityContext,
  caller: Operator,
  { actor, why }: { readonly actor: Identity; readonly why: string },
): Promise<SallyportError> {
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'delegation.refused',
        actor: actorOf(caller),
        outcome: 'denied',
        identity: actor.id,
        body: { by: caller.identity.name, to: actor.name, why },
      },
    ],
  });
  return new SallyportError('denied', `"${actor.name}" cannot be let act so: ${why}`, {
    next: 'each hop can only narrow: fewer targets, fewer actions, a shorter time',
  });
}

async function event(
  ctx: AuthorityContext,
  caller: Operator,
  type: EventType,
  { id, actor, chain, parent, targets, actions, expiresAt }: Delegation,
): Promise<EventDraft> {
  const names = [];
  for (const one of chain) names.push(await identityName(ctx, one));
  return {
    type,
    actor: actorOf(caller),
    outcome: 'success',
    identity: actor,
    body: {
      delegation: id,
      to: await identityName(ctx, actor),
      for: names,
      ...(parent === undefined ? {} : { parent }),
      targets: [...targets],
      actions: [...actions],
      expiresAt: iso(expiresAt),
      by: caller.identity.name,
    },
  };
}

async function view(ctx: AuthorityContext, delegation: Delegation): Promise<DelegationView> {
  const { id, actor, parent, targets, actions, createdAt, expiresAt, endedAt } = delegation;
  const chain = [];
  for (const one of delegation.chain) chain.push({ id: one, name: await identityName(ctx, one) });
  return {
    id,
    actor: { id: actor, name: await identityName(ctx, actor) },
    chain,
    targets: [...targets],
    actions: [...actions],
    ...(parent === undefined ? {} : { parent }),
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    live: (await liveChain(ctx, delegation)).ok,
  };
}
