// What the gate's process may touch: it may read its own code and nothing else, write nothing and start no
// process, held by Node's permission model. A fence against path tricks, not against native code
// (docs/threat-model.md says what it is worth).

import { realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** Flags of node for the gate. `program` is the started script, bin/sallyport.js of the package. */
export function gateConfinement(program: string): readonly string[] {
  const packageRoot = join(dirname(realpathSync(program)), '..');
  const folders = ['bin', 'dist', 'src', 'node_modules'].map((name) => join(packageRoot, name));
  // A linked node_modules is read where it really lies.
  const linked = realpathOf(join(packageRoot, 'node_modules'));
  if (linked !== undefined) folders.push(linked);
  // Installed as a dependency, the package's own packages may lie beside it.
  const inside = packageRoot.lastIndexOf(`${sep}node_modules${sep}`);
  if (inside >= 0) folders.push(packageRoot.slice(0, inside + `${sep}node_modules`.length));
  // With the star a folder that is not there may at least be looked for.
  const readable = [...folders.map((folder) => join(folder, '*')), join(packageRoot, 'package.json')];
  return ['--permission', ...readable.map((path) => `--allow-fs-read=${path}`)];
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
