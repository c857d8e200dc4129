// Use-case: one policy revision with its files: by id, by number, or "current".

import type { z } from 'zod';
import type { revisionFull } from '../../api/policy.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import type { Operator } from './operator.ts';
import { viewRevision } from './revision-view.ts';

export async function showPolicy(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<z.output<typeof revisionFull>> {
  const revision = await find(ctx, caller, text);
  if (revision === undefined) {
    throw new SallyportError('not_found', `there is no policy revision "${printable(text, 80)}"`, {
      next: 'name an id, a number or "current"; "sallyport policy history" lists them',
    });
  }
  return { ...(await viewRevision(ctx, revision)), files: { ...revision.files } };
}

async function find(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<PolicyRevision | undefined> {
  if (text === 'current') return ctx.policy.revisionOf(caller.tenant);
  const id = parseId('pol', text);
  if (id !== undefined) return (await ctx.store.get('policy', id))?.value;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) return undefined;
  return (await ctx.store.find('policy', { number: Number(text) }))?.value;
}
