// A program whose own clock is wrong.

import type { Surroundings } from './program.ts';

/** The program's own clock (Date) runs this much ahead; handed over without a file, which a gate cannot read. */
export function withClock(surroundings: Surroundings, aheadMs: number): Surroundings {
  const code = `
    const True = Date;
    globalThis.Date = class extends True {
      constructor(...given) { given.length === 0 ? super(True.now() + ${aheadMs}) : super(...given); }
      static now() { return True.now() + ${aheadMs}; }
    };`;
  const preload = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  return { ...surroundings, env: { ...surroundings.env, NODE_OPTIONS: preload } };
}
