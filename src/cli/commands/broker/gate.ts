// `sallyport broker gate`: the other of the broker's two processes, started by `broker run`. It is given
// sockets and a port, and no path of the data directory.

import { join } from 'node:path';
import type { BrokerConfig } from '../../../core/broker-config.ts';
import { runGate } from '../../../gate/assemble.ts';
import { systemClock } from '../../../platform/clock.ts';
import { createLog } from '../../../platform/log.ts';
import { systemRandom } from '../../../platform/random.ts';
import { ownVersion } from '../version.ts';
import { runPart, type PartOptions } from './part.ts';

/** One gate a broker, so far. */
const gateName = 'gate-1';

export async function run(options: PartOptions): Promise<number> {
  const config = JSON.parse(options.config) as BrokerConfig;
  return await runPart(async () => {
    const gate = await runGate({
      controlSocket: join(options.runDir, 'control.sock'),
      apiSocket: join(options.runDir, 'api.sock'),
      apiMtlsSocket: join(options.runDir, 'api-mtls.sock'),
      listen: config.listen,
      gateName,
      version: ownVersion(),
      clock: systemClock,
      random: systemRandom,
      log: await createLog({ component: 'gate' }),
      bounds: { drainMaxMs: config.drainMs },
    });
    return {
      ready: { port: gate.port },
      drain: async () => await gate.drain(),
      abort: async () => {
        gate.abort();
        await gate.closed;
      },
    };
  });
}
