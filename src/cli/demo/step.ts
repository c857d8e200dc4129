// One thing that the demo does and checks.

import type { Stage } from './stage.ts';

export interface Step {
  readonly title: string;
  /** What was seen, in a few words; throws when it is not what it should be. */
  readonly play: (stage: Stage) => Promise<string>;
}

export function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Error(otherwise);
}
