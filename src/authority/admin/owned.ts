// What somebody answers for: devices, services, machines. Before he is removed it passes to somebody else, or is
// locked: nothing is left that nobody answers for and that still works.

import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { isOfHouse, type Identity } from '../../core/identity.ts';
import type { LockSelector } from '../../core/lock.ts';
import type { AuthorityContext } from '../context.ts';
import { placeLock } from '../sessions/place-lock.ts';
import type { Change } from '../store/store.ts';
import { eachRecord } from './each-record.ts';
import { requireIdentity } from './find.ts';
import { actor, type Operator } from './operator.ts';

export interface Offboarding {
  readonly newOwner?: string | undefined;
  readonly lockOwned?: boolean;
}

interface Owned {
  readonly kind: 'device' | 'service' | 'identity';
  readonly id: string;
  readonly name: string;
}

/** A bound for one commit. */
const passedAtOnce = 100;
const namedMax = 5;

/** Throws `conflict` when something is owned and nothing is said of what becomes of it. */
export async function leaveOwned(
  ctx: AuthorityContext,
  caller: Operator,
  { identity, newOwner, lockOwned }: Offboarding & { readonly identity: Identity },
): Promise<void> {
  if (newOwner !== undefined && lockOwned === true) {
    throw new SallyportError('invalid', 'what is owned passes to somebody, or is locked', {
      next: 'give one of --new-owner and --lock-owned',
    });
  }
  const owned = await allOwned(ctx, identity);
  if (owned.length === 0) return;
  if (newOwner !== undefined) return await passOn(ctx, caller, { identity, owned, to: newOwner });
  if (lockOwned === true) return await lockAll(ctx, caller, { identity, owned });
  const names = owned.slice(0, namedMax).map(({ name }) => `"${name}"`);
  const more = owned.length > namedMax ? ` and ${owned.length - namedMax} more` : '';
  throw new SallyportError('conflict', `"${identity.name}" answers for ${names.join(', ')}${more}`, {
    next: 'say who answers for them now with --new-owner NAME, or --lock-owned to lock them',
  });
}

async function allOwned(ctx: AuthorityContext, { id }: Identity): Promise<readonly Owned[]> {
  const owned: Owned[] = [];
  for await (const { value } of eachRecord(ctx.store, 'device', { filter: { owner: id } })) {
    owned.push({ kind: 'device', id: value.id, name: value.name });
  }
  for await (const { value } of eachRecord(ctx.store, 'service')) {
    if (value.owner !== id) continue;
    const device = await ctx.store.get('device', value.device);
    const name = `${device?.value.name ?? value.device}/${value.name}`;
    owned.push({ kind: 'service', id: value.id, name });
  }
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    if (value.owner === id) owned.push({ kind: 'identity', id: value.id, name: value.name });
  }
  return owned;
}

interface Leaving {
  readonly identity: Identity;
  readonly owned: readonly Owned[];
}

async function passOn(
  ctx: AuthorityContext,
  caller: Operator,
  { identity, owned, to }: Leaving & { readonly to: string },
): Promise<void> {
  const heir = await requireIdentity(ctx, to);
  if (!isOfHouse(heir) || heir.id === identity.id) {
    throw new SallyportError('invalid', `"${heir.name}" cannot answer for them: owners are people who stay`, {
      next: 'name another person with --new-owner',
    });
  }
  for (let at = 0; at < owned.length; at += passedAtOnce) {
    const changes: Change[] = [];
    const events: EventDraft[] = [];
    for (const { kind, id, name } of owned.slice(at, at + passedAtOnce)) {
      const change = await withOwner(ctx, { kind, id }, heir);
      if (change === undefined) continue;
      changes.push(change);
      const body = { kind, id, name, from: identity.id, to: heir.id, by: caller.identity.name };
      events.push({
        type: 'owner.changed',
        actor: actor(caller),
        outcome: 'success',
        identity: heir.id,
        body,
      });
    }
    await ctx.store.commit({ changes, events });
  }
}

async function withOwner(
  ctx: AuthorityContext,
  { kind, id }: Pick<Owned, 'kind' | 'id'>,
  heir: Identity,
): Promise<Change | undefined> {
  if (kind === 'device') {
    const stored = await ctx.store.get('device', id);
    return stored && { put: 'device', value: { ...stored.value, owner: heir.id }, rev: stored.rev };
  }
  if (kind === 'identity') {
    const stored = await ctx.store.get('identity', id);
    return stored && { put: 'identity', value: { ...stored.value, owner: heir.id }, rev: stored.rev };
  }
  const stored = await ctx.store.get('service', id);
  return stored && { put: 'service', value: { ...stored.value, owner: heir.id }, rev: stored.rev };
}

async function lockAll(ctx: AuthorityContext, caller: Operator, { identity, owned }: Leaving): Promise<void> {
  for (const one of owned) {
    const selector = await selectorOf(ctx, one);
    if (selector === undefined) continue;
    await placeLock(ctx, {
      tenant: caller.identity.tenant,
      selector,
      reason: `its owner "${identity.name}" was removed`,
      by: actor(caller),
      createdBy: caller.identity.id,
    });
  }
}

/** Undefined for what is gone meanwhile. */
async function selectorOf(ctx: AuthorityContext, { kind, id }: Owned): Promise<LockSelector | undefined> {
  switch (kind) {
    case 'device': {
      const device = await ctx.store.get('device', id);
      return device && { kind, id: device.value.id };
    }
    case 'service': {
      const service = await ctx.store.get('service', id);
      return service && { kind, id: service.value.id };
    }
    case 'identity': {
      const identity = await ctx.store.get('identity', id);
      return identity && { kind, id: identity.value.id };
    }
    default:
      return kind satisfies never;
  }
}
