// Use-cases: read the audit log as a verifier does: leaves, and where the chain ends.

import type { z } from 'zod';
import type { LeafView, leafQuery, LogHead } from '../../api/audit.ts';
import { limits } from '../../core/limits.ts';
import type { AuthorityContext } from '../context.ts';

export async function listLeaves(
  ctx: AuthorityContext,
  query: z.output<typeof leafQuery>,
): Promise<{ items: LeafView[] }> {
  const leaves = await ctx.store.leaves(query.fromSeq, query.limit ?? limits.auditPageMax);
  return { items: [...leaves] };
}

export async function logHead(ctx: AuthorityContext): Promise<LogHead> {
  return await ctx.store.head();
}
