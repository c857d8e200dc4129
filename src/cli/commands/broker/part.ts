// What the broker's two processes have in common: start, say so, run until SIGTERM, drain; a second
// SIGTERM does not wait. A part whose supervisor is gone ends too: nobody would restart or stop it.

import { exitStatus } from '../../../core/errors.ts';
import { faultOf, tellParent, type ChildMessage } from '../../../platform/child.ts';

export interface PartOptions {
  readonly runDir: string;
  /** A BrokerConfig as JSON: read and checked once, by the supervisor. Absent when the part runs by itself. */
  readonly config?: string;
}

export interface RunningPart {
  readonly ready: NonNullable<ChildMessage['ready']>;
  /** Gentle end. */
  drain(): Promise<void>;
  /** Hard end, for when the supervisor is gone; absent = the gentle one is quick. */
  abort?(): Promise<void>;
}

export async function runPart(start: () => Promise<RunningPart>): Promise<number> {
  const stop = Promise.withResolvers<'drain' | 'abort'>();
  process.once('SIGTERM', () => {
    stop.resolve('drain');
    process.once('SIGTERM', () => process.exit(1));
  });
  process.once('disconnect', () => stop.resolve('abort'));
  // A terminal sends Ctrl-C to the whole group; the supervisor decides what it means. Without one it is an end.
  process.on('SIGINT', () => {
    if (process.send === undefined) stop.resolve('drain');
  });
  let part: RunningPart;
  try {
    part = await start();
  } catch (error) {
    // With a supervisor it is his to say; started by hand, it is said here.
    if (process.send === undefined) throw error;
    tellParent({ fault: faultOf(error) });
    if (process.env['SALLYPORT_DEBUG'] === '1') console.error(error);
    return exitStatus.failed;
  }
  tellParent({ ready: part.ready });
  const how = await stop.promise;
  await (how === 'abort' && part.abort !== undefined ? part.abort() : part.drain());
  return 0;
}
