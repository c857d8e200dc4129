// `sallyport broker run`: makes the data directory on the first run, then keeps both processes running.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensurePrivateDir } from '../../../platform/files.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { makeRunDir, refuseSecondBroker } from '../../broker/run-dir.ts';
import { Supervisor } from '../../broker/supervisor.ts';

export interface BrokerRunOptions {
  readonly data?: string;
  readonly listen?: string;
  readonly name?: string;
}

export function defaultDataDir(): string {
  return process.env['SALLYPORT_DATA'] ?? join(homedir(), '.sallyport-broker');
}

export async function run(options: BrokerRunOptions): Promise<number> {
  const dataDir = resolve(options.data ?? defaultDataDir());
  await ensurePrivateDir(dataDir);
  const config = await loadConfig(dataDir, options);
  const runDir = await makeRunDir(dataDir);
  await refuseSecondBroker(dataDir, runDir.path);
  try {
    return await new Supervisor({ dataDir, runDir: runDir.path, config }).run();
  } finally {
    await runDir.remove();
  }
}
