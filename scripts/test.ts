// `npm test`: every test there is, with node's own runner and its summary. A folder or file given on the
// command line narrows it: npm test -- test/flows.

import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';

const wanted = process.argv.slice(2);
const places = wanted.length > 0 ? wanted : ['src', 'test'];
const files = places
  .flatMap((place) => (statSync(place).isDirectory() ? globSync(`${place}/**/*.test.ts`) : [place]))
  .sort();

// Two files at a time: the tests start real processes, and a machine of two cores is the smallest we serve.
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=2', '--test-timeout=300000', ...files],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
