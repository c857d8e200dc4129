// Builds the console's one page (src/console) into dist/console. No script and no style stands in the page itself, so
// that its Content-Security-Policy needs no exception. By itself: `node scripts/console.ts`, as scripts/setup.sh does
// when its sources are newer than what was built.

import { join } from 'node:path';
import { build } from 'vite';

const folder = join(import.meta.dirname, '..');

export async function buildConsole(): Promise<void> {
  await build({
    configFile: false,
    root: join(folder, 'src/console'),
    build: {
      outDir: join(folder, 'dist/console'),
      emptyOutDir: true,
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      target: 'es2022',
    },
    // Below an error are only marks of libraries for servers that render React themselves: none does here.
    logLevel: 'error',
  });
}

if (import.meta.main) await buildConsole();
