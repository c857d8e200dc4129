// Use-cases: a second administrator looks at a change that waits, and lets it take effect, or says no; whoever asked
// takes it back.

import type { ChangeView } from '../../api/changes.ts';
import type { PageQuery } from '../../api/problem.ts';
import { SallyportError } from '../../core/errors.ts';
import type { HouseAction } from '../../core/decision.ts';
import type { EventType } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import { roles, type Role } from '../../core/identity.ts';
import type { PendingChange } from '../../core/pending-change.ts';
import { printable } from '../../core/printable.ts';
import { applyPolicy } from '../admin/apply-policy.ts';
import { barredBy } from '../admin/barred.ts';
import { grantRole, revokeRole } from '../admin/change-role.ts';
import { identityName } from '../admin/names.ts';
import { actor, may, requireRight, type Operator } from '../admin/operator.ts';
import { pageOfKept, type Paged } from '../admin/page.ts';
import { removeIdentity } from '../admin/remove-identity.ts';
import { removeLock } from '../admin/remove-lock.ts';
import { iso } from '../admin/time-text.ts';
import { setKeys } from '../break-glass/keys.ts';
import type { AuthorityContext } from '../context.ts';
import { updateRecord } from '../store/update-record.ts';
import { secondFault } from './second.ts';
import { changeWords } from './words.ts';

export async function approveChange(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<ChangeView> {
  const change = await requireChange(ctx, text);
  const asker = await ctx.store.get('identity', change.askedBy);
  if (asker === undefined) throw forbidden('whoever asked for it is gone');
  const fault = secondFault(caller.identity, asker.value);
  if (fault !== undefined) throw forbidden(fault);
  // What he may not do any more is not done for him.
  const asOperator: Operator = {
    ...caller,
    kind: asker.value.kind,
    id: asker.value.id,
    identity: asker.value,
  };
  if (
    !may(ctx, { identity: asker.value }, rightFor(change.order)) ||
    barredBy(ctx, asker.value) !== undefined
  )
    throw forbidden('whoever asked for it is locked, has expired, or may not do it any more');
  const claimed = await settle(ctx, caller, { change, state: 'applied', type: 'change.approved' });
  try {
    await perform(ctx, asOperator, change);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    await updateRecord(ctx.store, { kind: 'change', id: change.id }, (value) => ({
      value: { ...value, state: 'failed', why },
      events: [
        {
          type: 'change.failed',
          actor: actor(caller),
          outcome: 'failure',
          identity: change.askedBy,
          body: { change: change.id, why },
        },
      ],
    }));
    throw error;
  }
  return await view(ctx, caller, claimed);
}

export async function denyChange(
  ctx: AuthorityContext,
  caller: Operator,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
): Promise<ChangeView> {
  const change = await requireChange(ctx, id);
  if (change.askedBy !== caller.identity.id) requireRight(ctx, caller, 'agreeToChanges');
  const denied = await settle(ctx, caller, {
    change,
    state: 'denied',
    type: 'change.denied',
    ...(reason === undefined ? {} : { why: reason }),
  });
  return await view(ctx, caller, denied);
}

export async function listChanges(
  ctx: AuthorityContext,
  caller: Operator,
  query: PageQuery,
): Promise<Paged<ChangeView>> {
  const { kept, next } = await pageOfKept({ store: ctx.store, kind: 'change' }, query, () => true);
  const items: ChangeView[] = [];
  for (const change of kept) items.push(await view(ctx, caller, change));
  return { items, ...(next === undefined ? {} : { next }) };
}

export async function showChange(ctx: AuthorityContext, caller: Operator, text: string): Promise<ChangeView> {
  return await view(ctx, caller, await requireChange(ctx, text));
}

async function perform(ctx: AuthorityContext, asker: Operator, { order }: PendingChange): Promise<void> {
  switch (order.kind) {
    case 'policy': {
      const { files, comment, expect } = order;
      await applyPolicy(ctx, asker, { files, expect, ...(comment === undefined ? {} : { comment }) });
      return;
    }
    case 'unlock':
      await removeLock(ctx, asker, order.lock);
      return;
    case 'keys':
      await setKeys(ctx, asker, { need: order.need, keys: order.keys.map((key) => ({ ...key })) });
      return;
    case 'grant':
    case 'revoke': {
      const wanted = { identity: order.identity, role: requireRole(order.role) };
      await (order.kind === 'grant' ? grantRole(ctx, asker, wanted) : revokeRole(ctx, asker, wanted));
      return;
    }
    case 'remove': {
      const { newOwner, lockOwned } = order;
      await removeIdentity(ctx, asker, order.identity, {
        ...(newOwner === undefined ? {} : { newOwner }),
        ...(lockOwned === undefined ? {} : { lockOwned }),
      });
      return;
    }
    default:
      order satisfies never;
  }
}

/** What whoever asks for it has to be allowed. */
function rightFor(order: PendingChange['order']): HouseAction {
  switch (order.kind) {
    case 'policy':
      return 'administerPolicy';
    case 'unlock':
      return 'liftLocks';
    case 'keys':
      return 'administerBroker';
    case 'grant':
    case 'revoke':
    case 'remove':
      return 'administerIdentities';
    default:
      return order satisfies never;
  }
}

function requireRole(text: string): Role {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new SallyportError('invalid', `"${printable(text, 40)}" is no role`);
  return role;
}

interface Settling {
  readonly change: PendingChange;
  readonly state: 'applied' | 'denied';
  readonly type: EventType;
  readonly why?: string;
}

/** Of two at the same instant, one. */
async function settle(
  ctx: AuthorityContext,
  caller: Operator,
  { change, state, type, why }: Settling,
): Promise<PendingChange> {
  const now = ctx.clock.now();
  const after = await updateRecord(ctx.store, { kind: 'change', id: change.id }, (value) => {
    if (value.state !== 'pending' || value.expiresAt <= now) {
      const word = value.state === 'pending' ? 'over' : value.state;
      throw new SallyportError('conflict', `"${value.id}" is ${word} already`, {
        next: `sallyport changes show ${value.id}`,
      });
    }
    const decided = { decidedBy: caller.identity.id, decidedAt: now };
    return {
      value: { ...value, state, ...decided, ...(why === undefined ? {} : { why }) },
      events: [
        {
          type,
          actor: actor(caller),
          outcome: 'success',
          identity: value.askedBy,
          body: {
            change: value.id,
            what: changeWords(value.order),
            hash: value.hash,
            by: caller.identity.name,
            ...(why === undefined ? {} : { why }),
          },
        },
      ],
    };
  });
  return after ?? change;
}

async function requireChange(ctx: AuthorityContext, text: string): Promise<PendingChange> {
  const id = parseId('chg', text);
  const found = id === undefined ? undefined : (await ctx.store.get('change', id))?.value;
  if (found !== undefined) return found;
  throw new SallyportError('not_found', `there is no change "${printable(text, 80)}"`, {
    next: 'sallyport changes ls',
  });
}

function forbidden(why: string): SallyportError {
  return new SallyportError('forbidden', why, { next: 'another administrator does: sallyport changes ls' });
}

async function view(ctx: AuthorityContext, caller: Operator, change: PendingChange): Promise<ChangeView> {
  const { id, state, order, askedBy, askedAt, expiresAt, decidedBy, decidedAt, why } = change;
  const isOver = state === 'pending' && expiresAt <= ctx.clock.now();
  const asker = await ctx.store.get('identity', askedBy);
  const isOpen = state === 'pending' && !isOver && asker !== undefined;
  return {
    id,
    state: isOver ? 'expired' : state,
    kind: order.kind,
    what: changeWords(order),
    ...(order.kind === 'policy' ? { policy: { files: { ...order.files }, follows: order.expect } } : {}),
    askedBy: { id: askedBy, name: await identityName(ctx, askedBy) },
    askedAt: iso(askedAt),
    expiresAt: iso(expiresAt),
    ...(decidedBy === undefined
      ? {}
      : { decidedBy: { id: decidedBy, name: await identityName(ctx, decidedBy) } }),
    ...(decidedAt === undefined ? {} : { decidedAt: iso(decidedAt) }),
    ...(why === undefined ? {} : { why }),
    mayApprove: isOpen && secondFault(caller.identity, asker.value) === undefined,
  };
}
