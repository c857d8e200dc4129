// A process of its own: the agents of many state directories, each as `agent run` has it. argv: the
// directories. Ends when whoever forked it is gone.

import { runAgent } from '../../src/agent/agent.ts';
import { silentLog } from '../../src/platform/log.ts';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('disconnect', () => process.exit(0));
await Promise.all(
  process.argv
    .slice(2)
    .map(async (state) => await runAgent({ state, version: '0', signal: stop.signal, log: silentLog })),
);
process.exit(0);
