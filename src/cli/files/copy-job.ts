// One cp from its arguments to its end, over a channel that is open: find the sources, choose where each
// goes, plan, copy. Knows SFTP and the file system, but no broker: tests run it against OpenSSH's server.

import { resolve } from 'node:path';
import { limits } from '../../core/limits.ts';
import { chooseDestinations } from './destination.ts';
import { copyAll, type CopiedItem } from './copy-all.ts';
import type { CopyTask } from './copy-task.ts';
import { LocalSide } from './local-side.ts';
import { baseName } from './names.ts';
import type { LocalPlace, RemotePlace } from './place.ts';
import { findSources, makePlan, type Plan, type PlannedFile, type Source } from './plan.ts';
import { RemoteSide } from './remote-side.ts';
import type { SftpClient } from './sftp-client.ts';
import type { Side } from './side.ts';
import { Slots } from './slots.ts';

export interface CopyJobOptions {
  readonly device: string;
  readonly isRecursive: boolean;
  readonly isResume: boolean;
  /** Gentle: nothing new is begun, and what is under way stops at its next portion. */
  readonly signal: AbortSignal;
  readonly onPlan: (plan: Plan) => void;
  readonly onBegin: (file: PlannedFile) => void;
  readonly onMoved: (bytes: number) => void;
  readonly onKnown: (bytes: number) => void;
  readonly onDone: (item: CopiedItem) => void;
  /** Left out, with why. */
  readonly onSkip: (shown: string, what: string) => void;
  readonly onNote: (note: string) => void;
}

/** Throws what stopped it; what is done by then stays. */
export async function runCopy(client: SftpClient, task: CopyTask, options: CopyJobOptions): Promise<void> {
  const remote = new RemoteSide(client, options.device);
  const local = new LocalSide(remote.dataBytes);
  const [source, sink]: readonly [Side, Side] = task.way === 'up' ? [local, remote] : [remote, local];
  const sources: Source[] = [];
  for (const place of task.from) {
    const path = await pathOf(place, remote);
    const pattern = place.side === 'remote' ? place.pattern : [];
    sources.push(...(await findSources(source, { path, pattern, isRecursive: options.isRecursive })));
  }
  const named = await pathOf(task.to, remote);
  const there = await sink.stat(named);
  // A link that is named is followed, here as with the sources.
  const to = there?.type === 'file' ? await sink.follow(named) : named;
  const destinations = chooseDestinations(
    sources.map(({ path, facts }) => ({
      name: nameOf(path, source === local),
      isFolder: facts.type === 'folder',
      shown: source.shown(path),
    })),
    {
      path: to,
      name: nameOf(to, sink === local),
      isFolder: task.to.isFolder,
      type: there?.type,
      shown: sink.shown(to),
    },
    { isResume: options.isResume },
  );
  const pairs = sources.map((one, at) => ({ source: one, to: destinations[at] ?? to }));
  const plan = await makePlan(source, pairs, options.onSkip);
  options.onPlan(plan);
  await copyAll(plan, {
    source,
    sink,
    far: task.way === 'up' ? 'sink' : 'source',
    isResume: options.isResume,
    portions: new Slots(limits.filesRequestsInFlight),
    signal: AbortSignal.any([options.signal, client.gone]),
    onBegin: options.onBegin,
    onBytes: options.onMoved,
    onKnown: options.onKnown,
    onDone: options.onDone,
    onNote: options.onNote,
  });
}

async function pathOf(place: LocalPlace | RemotePlace, remote: RemoteSide): Promise<Buffer> {
  return place.side === 'remote' ? await remote.resolve(place.path) : Buffer.from(place.path);
}

/** "." and "fw/.." have the name of the directory that they are. */
function nameOf(path: Buffer, isLocal: boolean): Buffer {
  const name = baseName(path);
  const isPlain = name.length > 0 && !name.equals(Buffer.from('.')) && !name.equals(Buffer.from('..'));
  return isPlain || !isLocal ? name : baseName(Buffer.from(resolve(path.toString())));
}
