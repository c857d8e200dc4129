// sallyport agent crowd DIR…: many agents in one process, for demo, soak and bench. Each is what `agent run` has.

import { resolve } from 'node:path';
import { runAgent } from '../../../agent/agent.ts';
import { silentLog } from '../../../platform/log.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ownVersion } from '../version.ts';

export async function run(options: CommonOptions & { readonly dirs: readonly string[] }): Promise<number> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Started by a soak: with its parent gone nobody would stop it.
  process.once('disconnect', stop);
  const common = { version: ownVersion(), signal: controller.signal, log: silentLog, env: process.env };
  await Promise.all(options.dirs.map(async (dir) => await runAgent({ ...common, state: resolve(dir) })));
  return 0;
}
