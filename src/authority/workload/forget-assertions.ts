// Tokens that were shown are remembered for as long as they could be shown again. Looked through once an hour.

import { limits } from '../../core/limits.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';
import type { Sweep } from '../sweep.ts';

export const assertionSweep: Sweep = {
  everyMs: 60 * 60_000,
  failure: 'could not forget tokens that are over',
  run: forgetAssertions,
};

export async function forgetAssertions(ctx: AuthorityContext): Promise<void> {
  const before = ctx.clock.now() - 2 * limits.assertionSkewMs;
  for await (const { value } of eachRecord(ctx.store, 'assertion')) {
    if (value.expiresAt >= before) continue;
    await ctx.store.commit({ changes: [{ delete: 'assertion', id: value.id }], events: [] });
  }
}
