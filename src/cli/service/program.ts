// The program that a service starts: this one, by the paths where it really lies. Whoever may change a file on
// that way runs as the service does, and a user that may not enter it cannot start; both are said when a service
// is installed, and not found out from a journal.

import { realpathSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { isInHome } from './unit-file.ts';

export interface OwnProgram {
  readonly node: string;
  readonly script: string;
}

export function ownProgram(): OwnProgram {
  return { node: realpathSync(process.execPath), script: realpathSync(process.argv[1] ?? '') };
}

/** Throws where users other than its owner cannot run it. */
export function refuseClosedProgram({ node, script }: OwnProgram, users: string): void {
  const closed = [node, script].map((path) => closedOn(path)).find((path) => path !== undefined);
  if (closed === undefined) return;
  throw new SallyportError('local_file', `${users} cannot run the program: "${closed}" is not open to them`, {
    next: 'install the package for everybody ("npm install -g …" as root), and install the service with that one',
  });
}

/** Throws where a service that sees neither homes nor /tmp could not find it. */
export function refuseHiddenProgram({ node, script }: OwnProgram): void {
  const hidden = [node, script].find((path) => isInHome(path) || /^(?:\/var)?\/tmp\//.test(path));
  if (hidden === undefined) return;
  throw new SallyportError(
    'local_file',
    `the services cannot see "${hidden}": homes and /tmp are closed to them`,
    {
      next: 'install the package for everybody ("npm install -g …" as root), and install the service with that one',
    },
  );
}

/** A file or directory on the way to it that somebody other than root may change. */
export function looseOn({ node, script }: OwnProgram): string | undefined {
  return [node, script].flatMap(wayTo).find(({ stats }) => isLoose(stats))?.path;
}

interface Step {
  readonly path: string;
  readonly stats: Stats;
}

/** From "/" down. */
function wayTo(path: string): readonly Step[] {
  const steps: Step[] = [];
  for (let at = path; ; at = dirname(at)) {
    steps.unshift({ path: at, stats: statSync(at) });
    if (at === dirname(at)) return steps;
  }
}

function closedOn(path: string): string | undefined {
  return wayTo(path).find(({ stats }) => (stats.mode & (stats.isDirectory() ? 0o001 : 0o004)) === 0)?.path;
}

function isLoose({ uid, mode }: Stats): boolean {
  // In a sticky directory nobody can replace what is another's.
  const isWritable = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  return uid !== 0 || isWritable;
}
