// Use-cases: the invites that may still be used, and one that is to be worth nothing from now on.

import type { EnrollmentView } from '../../api/enrollments.ts';
import type { PageQuery } from '../../api/problem.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { usesLeft, type Enrollment } from '../../core/identity.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { identityName } from './names.ts';
import { actor, requireRight, type Operator } from './operator.ts';
import { pageOfKept, type Paged } from './page.ts';
import { iso } from './time-text.ts';

export async function listEnrollments(
  ctx: AuthorityContext,
  query: PageQuery,
): Promise<Paged<EnrollmentView>> {
  const now = ctx.clock.now();
  const { kept, next } = await pageOfKept({ store: ctx.store, kind: 'enrollment' }, query, (enrollment) => {
    return usesLeft(enrollment) > 0 && enrollment.expiresAt > now;
  });
  const items: EnrollmentView[] = [];
  for (const enrollment of kept) items.push(await view(ctx, enrollment));
  return { items, ...(next === undefined ? {} : { next }) };
}

export async function revokeEnrollment(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<{ readonly done: true }> {
  const id = parseId('enr', text);
  const stored = id === undefined ? undefined : await ctx.store.get('enrollment', id);
  if (stored === undefined) {
    throw new SallyportError('not_found', `there is no invite "${printable(text, 80)}"`, {
      next: '"sallyport enrollments ls" lists those that may still be used',
    });
  }
  const { value } = stored;
  requireRight(ctx, caller, value.kind === 'device' ? 'administerDevices' : 'administerIdentities');
  await ctx.store.commit({
    changes: [{ delete: 'enrollment', id: value.id }],
    events: [
      {
        type: 'enrollment.revoked',
        actor: actor(caller),
        outcome: 'success',
        body: { enrollment: value.id, name: value.name, left: usesLeft(value), by: caller.identity.name },
      },
    ],
  });
  return { done: true };
}

async function view(ctx: AuthorityContext, enrollment: Enrollment): Promise<EnrollmentView> {
  const { id, kind, name, fleet, labels, replaces, createdBy, createdAt, expiresAt } = enrollment;
  const device = replaces === undefined ? undefined : await ctx.store.get('device', replaces);
  const accept = fleet?.accept;
  return {
    id,
    kind,
    name,
    count: fleet?.count ?? 1,
    left: usesLeft(enrollment),
    ...(accept === undefined ? {} : { accept: accept === 'all' ? accept : [...accept] }),
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    ...(replaces === undefined ? {} : { replaces: { id: replaces, name: device?.value.name ?? name } }),
    createdBy: {
      id: createdBy,
      name: createdBy === 'system' ? 'system' : await identityName(ctx, createdBy),
    },
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
  };
}
