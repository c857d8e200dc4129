// What is looked through again and again, by the authority's clock. A sweep that fails is tried again at its time.

import type { AuthorityContext } from './context.ts';

export interface Sweep {
  readonly everyMs: number;
  /** For the operational log: what could not be done. */
  readonly failure: string;
  readonly run: (ctx: AuthorityContext) => Promise<void>;
}

/** The answer stops it. */
export function startSweep(ctx: AuthorityContext, { everyMs, failure, run }: Sweep): () => void {
  let timer = ctx.clock.setTimer(everyMs, sweep);
  function sweep(): void {
    run(ctx).catch((error: unknown) => ctx.log.error({ err: error }, failure));
    timer = ctx.clock.setTimer(everyMs, sweep);
  }
  return () => timer.cancel();
}
