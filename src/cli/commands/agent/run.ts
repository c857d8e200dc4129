// sallyport agent run: until SIGTERM or Ctrl-C; a second one does not wait.

import { resolve } from 'node:path';
import { runAgent } from '../../../agent/agent.ts';
import { faultOf, tellParent } from '../../../platform/child.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ownVersion } from '../version.ts';

export interface AgentRunOptions extends CommonOptions {
  readonly state?: string;
}

export async function run(options: AgentRunOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Started by the demo: with its parent gone nobody would stop it.
  process.once('disconnect', () => stop.abort());
  try {
    await runAgent({
      state: options.state === undefined ? undefined : resolve(options.state),
      version: ownVersion(),
      signal: stop.signal,
      onReady: ({ deviceId, name }) => tellParent({ ready: { device: deviceId, name } }),
    });
  } catch (error) {
    tellParent({ fault: faultOf(error) });
    throw error;
  }
  return 0;
}
