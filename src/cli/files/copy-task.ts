// The arguments of cp as one task: which way, from where, to where. Pure; throws `invalid` in words.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { readDestination, readSource, type LocalPlace, type Place, type RemotePlace } from './place.ts';

export type CopyTask =
  | { readonly way: 'up'; readonly from: readonly LocalPlace[]; readonly to: RemotePlace }
  | { readonly way: 'down'; readonly from: readonly RemotePlace[]; readonly to: LocalPlace };

export interface TypedTask {
  readonly device: string;
  readonly task: CopyTask;
}

export function readTask(sources: readonly string[], destination: string): TypedTask {
  const from = sources.map(readSource);
  const to = readDestination(destination);
  if (to.side === 'remote') {
    const locals = from.filter(isLocal);
    if (locals.length < from.length) {
      throw invalid(
        'both sides are on a device',
        'copy it here first, or let the devices speak to each other: sallyport forward --help',
      );
    }
    return { device: to.target, task: { way: 'up', from: locals, to } };
  }
  const remotes = from.filter(isRemote);
  const [first] = remotes;
  if (first === undefined || remotes.length < from.length) {
    throw invalid('a copy has a device on one side', 'write the side on the device as TARGET:/path');
  }
  if (remotes.some(({ target }) => target !== first.target)) {
    throw invalid('the files are on different devices', 'copy from one device at a time');
  }
  return { device: first.target, task: { way: 'down', from: remotes, to } };
}

/** What the session is opened for: the paths as typed, and of a glob the directory that it begins in. */
export function rootsOf(task: CopyTask): readonly string[] {
  const places = task.way === 'up' ? [task.to] : task.from;
  const roots = [...new Set(places.map(({ path }) => path))];
  if (roots.length <= limits.filesRootsMax) return roots;
  throw invalid(
    `${roots.length} paths at once are more than the ${limits.filesRootsMax} that one session is decided for`,
    "name the directory with -r, or use a pattern in quotes: 'TARGET:/var/log/*.log'",
  );
}

function isLocal(place: Place): place is LocalPlace {
  return place.side === 'local';
}

function isRemote(place: Place): place is RemotePlace {
  return place.side === 'remote';
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}
