// `npm test`: every test there is, with node's own runner and its summary. A folder or file given on the
// command line narrows it: npm test -- test/flows. It is over after 25 minutes, whatever hangs.

import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';

const wanted = process.argv.slice(2);
const places = wanted.length > 0 ? wanted : ['src', 'test'];
const files = places
  .flatMap((place) => (statSync(place).isDirectory() ? globSync(`${place}/**/*.test.ts`) : [place]))
  .sort();

const runMaxMs = 25 * 60_000;

// Two files at a time: the tests start real processes, and a machine of two cores is the smallest we serve.
// Maglev is off in them as it is in what they test, which bin/sallyport.js gives the reason for.
const { status, error } = spawnSync(
  process.execPath,
  ['--no-maglev', '--test', '--test-concurrency=2', '--test-timeout=300000', ...files],
  { stdio: 'inherit', timeout: runMaxMs, killSignal: 'SIGINT' },
);
if (error !== undefined) console.error(`test: stopped, since not all was done: ${error.message}`);
process.exitCode = status ?? 1;
