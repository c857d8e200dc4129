// sallyport agent crowd DIR…: many agents in one process, for the demo of a fleet. Each is what `agent run` has.

import { resolve } from 'node:path';
import { runAgent } from '../../../agent/agent.ts';
import { silentLog } from '../../../platform/log.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ownVersion } from '../version.ts';

export async function run(options: CommonOptions & { readonly dirs: readonly string[] }): Promise<number> {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  const common = { version: ownVersion(), signal: stop.signal, log: silentLog, env: process.env };
  await Promise.all(options.dirs.map(async (dir) => await runAgent({ ...common, state: resolve(dir) })));
  return 0;
}
