// What the broker's two processes have in common: start, say so, run until SIGTERM, end. A part whose
// supervisor is gone ends too: nobody would restart or stop it.

import { tellParent } from '../../../platform/child.ts';

export interface PartOptions {
  readonly runDir: string;
  /** A BrokerConfig as JSON: read and checked once, by the supervisor. */
  readonly config: string;
}

export interface RunningPart {
  /** Gentle end. */
  drain(): Promise<void>;
}

export async function runPart(start: () => Promise<RunningPart>): Promise<number> {
  let part: RunningPart;
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('disconnect', () => resolve());
    // A terminal sends Ctrl-C to the whole group; the supervisor decides what it means.
    process.on('SIGINT', () => undefined);
  });
  try {
    part = await start();
  } catch (error) {
    tellParent({ fault: error instanceof Error ? error.message : 'unknown error' });
    throw error;
  }
  await stopped;
  await part.drain();
  return 0;
}
