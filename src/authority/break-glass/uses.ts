// Uses of break-glass: listed, reviewed by somebody else, and what happens when nobody does: whoever used it is locked
// (negative test I18).

import type { BreakGlassView } from '../../api/break-glass.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { BreakGlass, OnSiteUse } from '../../core/break-glass.ts';
import type { EventDraft } from '../../core/event.ts';
import type { LockSelector } from '../../core/lock.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { eachRecord } from '../admin/each-record.ts';
import { identityName } from '../admin/names.ts';
import { actor, seesAll, type Operator } from '../admin/operator.ts';
import { pageOfKept, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { placeLock } from '../sessions/place-lock.ts';
import { updateRecord } from '../store/update-record.ts';
import type { Sweep } from '../sweep.ts';

export async function listBreakGlass(
  ctx: AuthorityContext,
  caller: Operator,
  query: PageQuery,
): Promise<Paged<BreakGlassView>> {
  const source = { store: ctx.store, kind: 'breakglass', filter: {} } as const;
  const isSeen = ({ identity }: BreakGlass): boolean =>
    seesAll(ctx, caller) || identity === caller.identity.id;
  const { kept, next } = await pageOfKept(source, query, isSeen);
  const items: BreakGlassView[] = [];
  for (const use of kept) items.push(await viewBreakGlass(ctx, use));
  return { items, ...(next === undefined ? {} : { next }) };
}

/** Nobody reviews himself. A review that comes late is one all the same; the lock is for an administrator to lift. */
export async function reviewBreakGlass(
  ctx: AuthorityContext,
  caller: Operator,
  asked: { readonly id: string; readonly review: string },
): Promise<BreakGlassView> {
  const review = requireText(asked.review, 'review');
  const stored = await ctx.store.get('breakglass', asked.id);
  if (stored === undefined) {
    throw new SallyportError('not_found', `there is no use of break-glass "${printable(asked.id, 80)}"`, {
      next: 'sallyport breakglass ls',
    });
  }
  if (stored.value.identity === caller.identity.id) {
    throw new SallyportError('forbidden', 'nobody reviews his own use of break-glass', {
      next: 'another administrator or auditor does',
    });
  }
  const after = await updateRecord(ctx.store, { kind: 'breakglass', id: asked.id }, (use) => {
    if (use.reviewedAt !== undefined)
      throw new SallyportError('conflict', 'it was reviewed already', { next: 'sallyport breakglass ls' });
    return {
      value: { ...use, reviewedAt: ctx.clock.now(), reviewedBy: caller.identity.id, review },
      events: [
        {
          type: 'breakglass.reviewed',
          actor: actor(caller),
          outcome: 'success',
          ...aboutUse(use),
          body: { by: caller.identity.name, review },
        },
      ],
    };
  });
  return await viewBreakGlass(ctx, after ?? stored.value);
}

export const breakGlassSweep: Sweep = {
  everyMs: limits.breakGlassSweepMs,
  failure: 'could not look for uses of break-glass that nobody reviewed',
  run: lockUnreviewed,
};

export async function lockUnreviewed(ctx: AuthorityContext): Promise<void> {
  const now = ctx.clock.now();
  for await (const { value: use } of eachRecord(ctx.store, 'breakglass', { filter: { live: true } })) {
    if (use.reviewBy > now) continue;
    // First the lock, then the note of it: the other way round a crash between them would forget it.
    const { lock } = await placeLock(ctx, {
      tenant: use.tenant,
      selector: lockedFor(use),
      reason: `break-glass on ${use.target} was not reviewed within a day`,
      by: { kind: 'system', id: 'authority' },
      createdBy: 'system',
    });
    await updateRecord(ctx.store, { kind: 'breakglass', id: use.id }, (value) => ({
      value: { ...value, lock: lock.id },
      events: [],
    }));
    ctx.log.error({ identity: use.identity, target: use.target }, 'break-glass was not reviewed: locked');
  }
}

/** Whoever used it; on site by a name that nobody has here, the device that he was let into. */
function lockedFor({ identity, onSite }: BreakGlass): LockSelector {
  if (identity !== undefined) return { kind: 'identity', id: identity };
  if (onSite !== undefined) return { kind: 'device', id: onSite.device };
  throw new Error('a use of break-glass is by somebody, or on a device');
}

/** What its events are about. */
export function aboutUse({
  identity,
  request,
  onSite,
}: BreakGlass): Pick<EventDraft, 'identity' | 'request' | 'device'> {
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(request === undefined ? {} : { request }),
    ...(onSite === undefined ? {} : { device: onSite.device }),
  };
}

async function userName(ctx: AuthorityContext, { identity, onSite }: BreakGlass): Promise<string> {
  return identity === undefined ? printable(onSite?.person ?? '') : await identityName(ctx, identity);
}

/** In words, for everybody who looks: what was opened so and nobody has reviewed. Where, only to who sees all. */
export async function breakGlassAlarms(ctx: AuthorityContext, caller: Operator): Promise<string[]> {
  const alarms: string[] = [];
  const { items } = await ctx.store.list(
    'breakglass',
    { unreviewed: true },
    { limit: limits.breakGlassAlarmsMax },
  );
  for (const { value } of items) {
    const who = await userName(ctx, value);
    const how = value.onSite === undefined ? 'on' : 'on site, at';
    const where = seesAll(ctx, caller) ? ` ${how} ${value.target}` : '';
    alarms.push(`break-glass was used by ${who}${where} at ${iso(value.openedAt)}, and is not reviewed yet`);
  }
  return alarms;
}

export async function viewBreakGlass(ctx: AuthorityContext, use: BreakGlass): Promise<BreakGlassView> {
  const { id, target, reason, forMs, signers, request, reviewedAt, reviewedBy, review, lock } = use;
  const opened = request === undefined ? undefined : await ctx.store.get('request', request);
  const session = opened?.value.session;
  const who = await userName(ctx, use);
  return {
    id,
    who,
    ...(use.identity === undefined ? {} : { identity: { id: use.identity, name: who } }),
    ...(use.onSite === undefined ? {} : { onSite: viewOnSite(use.onSite) }),
    target,
    reason,
    forMs,
    signers: [...signers],
    ...(request === undefined ? {} : { request }),
    ...(session === undefined ? {} : { session }),
    openedAt: iso(use.openedAt),
    reviewBy: iso(use.reviewBy),
    ...(reviewedAt === undefined ? {} : { reviewedAt: iso(reviewedAt) }),
    ...(reviewedBy === undefined
      ? {}
      : { reviewedBy: { id: reviewedBy, name: await identityName(ctx, reviewedBy) } }),
    ...(review === undefined ? {} : { review }),
    ...(lock === undefined ? {} : { lock }),
  };
}

function viewOnSite({ wasAsked, endedAt, cause, recording }: OnSiteUse): BreakGlassView['onSite'] {
  return {
    wasAsked,
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(cause === undefined ? {} : { cause }),
    ...(recording === undefined ? {} : { recording }),
  };
}
