// `agent run` for the system tests: the state directory, and whether cgroups may be used.

import { runAgent } from '../../src/agent/agent.ts';
import { silentLog } from '../../src/platform/log.ts';

const [, , state, cgroups] = process.argv;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
// Whoever forked it is gone.
process.once('disconnect', () => process.exit(0));
try {
  await runAgent({
    state,
    version: '0.1.0',
    signal: stop.signal,
    log: silentLog,
    useCgroups: cgroups === 'true',
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
