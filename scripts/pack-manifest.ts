// The packed package's package.json: without what only a clone needs. `npm pack` runs `leave` before and
// `restore` after it. The Node.js that a clone brings along stays out: 189 MB, and the machine that
// installs the package has its own.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const manifest = 'package.json';
const kept = 'package.json.kept';

const [what] = process.argv.slice(2);
if (what === 'leave') {
  const {
    scripts: _scripts,
    devDependencies: _dev,
    optionalDependencies: _node,
    private: _private,
    ...rest
  } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
  if (!existsSync(kept)) renameSync(manifest, kept);
  writeFileSync(manifest, `${JSON.stringify(rest, null, 2)}\n`);
} else if (what === 'restore') {
  if (existsSync(kept)) renameSync(kept, manifest);
} else {
  throw new Error('say "leave" or "restore"');
}
