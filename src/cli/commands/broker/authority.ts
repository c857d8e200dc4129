// `sallyport broker authority`: one of the broker's two processes, started by `broker run`; or by itself, as a
// service (cli/service/broker-units.ts), where the gate is another user and reaches it by a shared directory.

import { join, resolve } from 'node:path';
import { startAuthority } from '../../../authority/assemble.ts';
import type { BrokerConfig } from '../../../core/broker-config.ts';
import { systemClock } from '../../../platform/clock.ts';
import { ensurePrivateDir } from '../../../platform/files.ts';
import { createLog } from '../../../platform/log.ts';
import { systemRandom } from '../../../platform/random.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { makeRunDir, refuseSecondBroker } from '../../broker/run-dir.ts';
import { ownFolder, ownVersion } from '../version.ts';
import { runPart, type PartOptions } from './part.ts';

export interface AuthorityRunOptions extends PartOptions {
  readonly data: string;
  readonly gateApart?: boolean;
}

export async function run(options: AuthorityRunOptions): Promise<number> {
  return await runPart(async () => {
    const dataDir = resolve(options.data);
    const { runDir } = options;
    const authority = await startAuthority({
      dataDir,
      runDir,
      ...(options.gateApart === true ? await apart(dataDir, runDir) : {}),
      config: await configOf(options, dataDir),
      version: ownVersion(),
      consoleDir: join(ownFolder(), 'dist', 'console'),
      clock: systemClock,
      random: systemRandom,
      log: await createLog({ component: 'authority' }),
    });
    const { rootFingerprint, invite } = authority;
    return {
      ready: { rootFingerprint, ...(invite === undefined ? {} : { invite }) },
      drain: async () => await authority.close(),
    };
  });
}

/** What a supervisor would have seen to. */
async function apart(
  dataDir: string,
  runDir: string,
): Promise<{ readonly isGateApart: true; readonly localDir: string }> {
  await ensurePrivateDir(dataDir);
  await refuseSecondBroker(dataDir, runDir);
  // The gate may come into the shared directory, and has no business at the local door.
  return { isGateApart: true, localDir: (await makeRunDir(dataDir)).path };
}

async function configOf({ config }: AuthorityRunOptions, dataDir: string): Promise<BrokerConfig> {
  return config === undefined ? await loadConfig(dataDir, {}) : (JSON.parse(config) as BrokerConfig);
}
