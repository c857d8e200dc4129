// Tokens that were shown are remembered for as long as they could be shown again. Looked through once an hour.

import { limits } from '../../core/limits.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { AuthorityContext } from '../context.ts';

const everyMs = 60 * 60_000;

export function startAssertionWatch(ctx: AuthorityContext): () => void {
  let timer = ctx.clock.setTimer(everyMs, sweep);
  function sweep(): void {
    forgetAssertions(ctx).catch((error: unknown) =>
      ctx.log.error({ err: error }, 'could not forget tokens that are over'),
    );
    timer = ctx.clock.setTimer(everyMs, sweep);
  }
  return () => timer.cancel();
}

export async function forgetAssertions(ctx: AuthorityContext): Promise<void> {
  const before = ctx.clock.now() - 2 * limits.assertionSkewMs;
  for await (const { value } of eachRecord(ctx.store, 'assertion')) {
    if (value.expiresAt >= before) continue;
    await ctx.store.commit({ changes: [{ delete: 'assertion', id: value.id }], events: [] });
  }
}
