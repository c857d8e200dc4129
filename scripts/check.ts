// `npm run check`: format, lint, types, architecture, unit tests. Each step with its time; all of them
// run even when one fails, so that one look shows everything.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const bin = (name: string): string => `node_modules/.bin/${name}`;
const unit = globSync('src/**/*.test.ts').sort();

const steps: readonly (readonly [string, string, readonly string[]])[] = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', 'src', 'test', 'bench', 'scripts']],
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['types of the console', bin('tsc'), ['-p', 'src/console']],
  ['architecture', process.execPath, ['--test', 'test/architecture.test.ts']],
  ['unit tests', process.execPath, ['--test', '--test-timeout=60000', ...unit]],
];

let failed = 0;
for (const [name, command, args] of steps) {
  const startedAt = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const isGood = status === 0;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (isGood) continue;
  failed += 1;
  console.log(error === undefined ? stdout + stderr : String(error));
}
process.exitCode = failed === 0 ? 0 : 1;
