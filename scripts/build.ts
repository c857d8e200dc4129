// `npm run build`: one bundle per entry in dist/, split so that a command loads only what it needs.
// Packages stay outside (they are installed beside it), except those the command line needs at once.

import { rmSync } from 'node:fs';
import { build } from 'esbuild';
import { buildConsole } from './console.ts';

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  packages: 'external',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
});
await buildConsole();
console.log('built dist/main.js and dist/console');
