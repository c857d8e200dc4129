// One thing that the demo does and checks, and how many of them are played and told, a line each.

import { exitStatus } from '../../core/errors.ts';
import type { Stage } from './stage.ts';

export type Say = (text: string) => void;

export interface Step<S = Stage> {
  readonly title: string;
  /** What was seen, in a few words; throws when it is not what it should be. */
  readonly play: (stage: S) => Promise<string | Skipped>;
}

/** It cannot be done here, and that is no failure. */
export interface Skipped {
  readonly skipped: string;
}

/** One after another, also after one that failed. Gives the exit status of the demo. */
export async function playSteps<S>(
  steps: readonly Step<S>[],
  stage: S,
  { say, startedAt }: { readonly say: Say; readonly startedAt: number },
): Promise<number> {
  let failed = 0;
  let skipped = 0;
  for (const { title, play } of steps) {
    const at = performance.now();
    const tell = (mark: string, seen: string): void =>
      say(line(mark, `${title}: ${seen}`, performance.now() - at));
    try {
      const seen = await play(stage);
      if (typeof seen === 'string') tell('ok', seen);
      else {
        skipped += 1;
        tell('-', `skipped: ${seen.skipped}`);
      }
    } catch (error) {
      failed += 1;
      tell('FAILED', error instanceof Error ? error.message : String(error));
    }
  }
  const played = steps.length - skipped;
  const left = skipped === 0 ? '' : `, ${skipped} skipped`;
  const ms = Math.round(performance.now() - startedAt);
  say(`${played - failed} of ${played} steps did what they should${left}, in ${ms} ms`);
  return failed === 0 ? exitStatus.done : exitStatus.failed;
}

export function line(mark: string, text: string, ms: number): string {
  return `${mark.padEnd(6)} ${text} (${Math.round(ms)} ms)`;
}

export function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Error(otherwise);
}
