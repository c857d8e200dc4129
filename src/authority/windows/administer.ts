// Use-cases: maintenance windows are added, removed and listed. Sessions that stand on one that is removed end.

import type { z } from 'zod';
import type { windowBody, WindowView } from '../../api/windows.ts';
import { parseLabel } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { newId, parseId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Window, WindowScope } from '../../core/window.ts';
import type { PageQuery } from '../../api/problem.ts';
import { requireDevice } from '../admin/find.ts';
import { identityName } from '../admin/names.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { storePage, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { requireName } from '../enroll/names.ts';
import { reviewSessions } from '../sessions/review-sessions.ts';
import { readRecurrence } from './recurrence.ts';

export async function addWindow(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.infer<typeof windowBody>,
): Promise<WindowView> {
  const name = requireName(body.name);
  readRecurrence(body.rule);
  const scope = await scopeOf(ctx, body);
  if (ctx.windows.size >= limits.windowsMax) {
    throw new SallyportError('too_large', `there are ${ctx.windows.size} windows already`, {
      next: 'remove some: sallyport windows ls',
    });
  }
  if ((await ctx.store.find('window', { name })) !== undefined) {
    throw new SallyportError('conflict', `there is a window "${name}" already`, {
      next: `choose another name, or remove it: sallyport windows remove ${name}`,
    });
  }
  const window: Window = {
    id: newId('win', ctx.random.bytes(16)),
    tenant: caller.identity.tenant,
    name,
    scope,
    rule: body.rule
      .trim()
      .split(/[\r\n ]+/)
      .join(' '),
    lastsMs: body.lastsMs,
    createdBy: caller.identity.id,
    createdAt: ctx.clock.now(),
  };
  await ctx.store.commit({
    changes: [{ put: 'window', value: window, rev: 0 }],
    events: [event(caller, 'window.added', window)],
  });
  ctx.windows.add(window);
  return await view(ctx, window);
}

export async function removeWindow(
  ctx: AuthorityContext,
  caller: Operator,
  nameOrId: string,
): Promise<{ readonly done: true }> {
  const id = parseId('win', nameOrId);
  const stored =
    id === undefined ? await ctx.store.find('window', { name: nameOrId }) : await ctx.store.get('window', id);
  if (stored === undefined) {
    throw new SallyportError('not_found', `there is no window "${printable(nameOrId, 80)}"`, {
      next: '"sallyport windows ls" lists them',
    });
  }
  const window = stored.value;
  await ctx.store.commit({
    changes: [{ delete: 'window', id: window.id, rev: stored.rev }],
    events: [event(caller, 'window.removed', window)],
  });
  ctx.windows.remove(window.id);
  await reviewSessions(ctx);
  return { done: true };
}

export async function listWindows(ctx: AuthorityContext, query: PageQuery): Promise<Paged<WindowView>> {
  const listed = await ctx.store.list('window', {}, storePage(query));
  const items: WindowView[] = [];
  for (const { value } of listed.items) items.push(await view(ctx, value));
  return { items, ...(listed.next === undefined ? {} : { next: listed.next }) };
}

async function scopeOf(ctx: AuthorityContext, body: z.infer<typeof windowBody>): Promise<WindowScope> {
  const { device, label } = body;
  if (device !== undefined && label !== undefined) {
    throw new SallyportError('invalid', 'a window is on a device, on a label, or on all', {
      next: 'give one of --device and --where, or neither',
    });
  }
  if (device !== undefined) return { kind: 'device', id: (await requireDevice(ctx, device)).id };
  if (label === undefined) return { kind: 'all' };
  const [key, value] = parseLabel(label) ?? [];
  if (key !== undefined && value !== undefined) return { kind: 'label', key, value };
  throw new SallyportError('invalid', `"${printable(label, 80)}" is not a label`, {
    next: 'write KEY=VALUE, for example site=lyon',
  });
}

async function view(ctx: AuthorityContext, window: Window): Promise<WindowView> {
  const { id, name, scope, rule, lastsMs, createdBy, createdAt } = window;
  const state = ctx.windows.stateOf(id);
  const device = scope.kind === 'device' ? await ctx.store.get('device', scope.id) : undefined;
  return {
    id,
    name,
    ...(scope.kind === 'device' ? { device: { id: scope.id, name: device?.value.name ?? 'removed' } } : {}),
    ...(scope.kind === 'label' ? { label: `${scope.key}=${scope.value}` } : {}),
    rule,
    lastsMs,
    open: state.isOpen,
    ...(state.isOpen ? { endsAt: iso(state.endsAt) } : {}),
    ...(!state.isOpen && state.opensAt !== undefined ? { opensAt: iso(state.opensAt) } : {}),
    createdBy: { id: createdBy, name: await identityName(ctx, createdBy) },
    createdAt: iso(createdAt),
  };
}

function event(
  caller: Operator,
  type: 'window.added' | 'window.removed',
  { id, name, scope, rule, lastsMs }: Window,
) {
  return {
    type,
    actor: actor(caller),
    outcome: 'success',
    ...(scope.kind === 'device' ? { device: scope.id } : {}),
    body: { window: id, name, scope: { ...scope }, rule, lastsMs, by: caller.identity.name },
  } as const;
}
