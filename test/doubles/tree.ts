// Everything below a folder, as tests compare it: names as they are, modes, content, and times where asked.

import { lstatSync, readdirSync, readFileSync } from 'node:fs';

export function treeOf(
  folder: string | Buffer,
  options: { readonly times?: boolean } = {},
  prefix = '',
): readonly string[] {
  const root = Buffer.from(folder);
  const names = (readdirSync(root, { encoding: 'buffer' }) as Buffer[]).sort((one, two) =>
    Buffer.compare(one, two),
  );
  return names.flatMap((name) => {
    const path = Buffer.concat([root, Buffer.from('/'), name]);
    const stats = lstatSync(path);
    const label = `${prefix}${name.toString('latin1')}`;
    const time = options.times === true ? ` ${Math.floor(stats.mtimeMs / 1_000)}` : '';
    const facts = `${label} ${(stats.mode & 0o777).toString(8)}${time}`;
    if (!stats.isDirectory()) return [`${facts} ${readFileSync(path).toString('base64')}`];
    return [facts, ...treeOf(path, options, `${label}/`)];
  });
}
