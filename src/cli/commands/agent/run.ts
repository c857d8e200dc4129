// sallyport agent run: until SIGTERM or Ctrl-C; a second one does not wait. SIGHUP reads the owner's rules
// again, unless it came because the terminal that this runs in was closed.

import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { runAgent } from '../../../agent/agent.ts';
import { faultOf, tellParent } from '../../../platform/child.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ownVersion } from '../version.ts';

export interface AgentRunOptions extends CommonOptions {
  readonly state?: string;
  readonly config?: string;
  readonly moved?: boolean;
}

export async function run(options: AgentRunOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  let reload = (): void => undefined;
  const hasTerminal = process.stdin.isTTY;
  process.on('SIGHUP', () => {
    if (hasTerminal && isTerminalGone()) onSignal();
    else reload();
  });
  // Started by the demo: with its parent gone nobody would stop it.
  process.once('disconnect', () => stop.abort());
  try {
    await runAgent({
      state: options.state === undefined ? undefined : resolve(options.state),
      config: options.config === undefined ? undefined : resolve(options.config),
      isMoved: options.moved === true,
      env: process.env,
      version: ownVersion(),
      onReload: (run) => {
        reload = run;
      },
      signal: stop.signal,
      onReady: ({ deviceId, name }) => tellParent({ ready: { device: deviceId, name } }),
    });
  } catch (error) {
    tellParent({ fault: faultOf(error) });
    throw error;
  }
  return 0;
}

function isTerminalGone(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch (error) {
    // ENXIO: the terminal was closed.
    if (error instanceof Error) return true;
    throw error;
  }
}
