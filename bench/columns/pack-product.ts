// The product in a folder of its own, as a package would be installed: program, bundle, dependencies. The
// clone's own dist/ is left alone, since bin/sallyport.js would go on using it after the sources changed.

import { cp, link, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { timed } from '../measure/run.ts';

export async function packProduct(root: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await cp(join(root, 'bin'), join(to, 'bin'), { recursive: true });
  await cp(join(root, 'package.json'), join(to, 'package.json'));
  // Real files under this root: the gate may read nothing outside it, and links would lead there.
  await linkTree(join(root, 'node_modules'), join(to, 'node_modules'));
  await symlink(join(root, 'src'), join(to, 'src'));
  const script = 'cd "$1" && exec "$2" "$3"';
  await timed({
    file: 'sh',
    args: ['-c', script, 'sh', to, process.execPath, join(root, 'scripts', 'build.ts')],
  });
  // Nothing of the sources is left to fall back to.
  await rm(join(to, 'src'));
}

/** Hard links: the hundreds of megabytes are not copied. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await link(source, target);
  }
}
