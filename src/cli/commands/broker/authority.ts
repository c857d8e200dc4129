// `sallyport broker authority`: one of the broker's two processes, started by `broker run`.

import { startAuthority } from '../../../authority/assemble.ts';
import type { BrokerConfig } from '../../../core/broker-config.ts';
import { systemClock } from '../../../platform/clock.ts';
import { createLog } from '../../../platform/log.ts';
import { systemRandom } from '../../../platform/random.ts';
import { ownVersion } from '../version.ts';
import { runPart, type PartOptions } from './part.ts';

export interface AuthorityRunOptions extends PartOptions {
  readonly data: string;
}

export async function run(options: AuthorityRunOptions): Promise<number> {
  return await runPart(async () => {
    const authority = await startAuthority({
      dataDir: options.data,
      runDir: options.runDir,
      config: JSON.parse(options.config) as BrokerConfig,
      version: ownVersion(),
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
