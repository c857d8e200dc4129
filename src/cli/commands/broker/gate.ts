// `sallyport broker gate`: the other of the broker's two processes, started by `broker run`, or by itself as a
// service. It is given sockets and a port, and no path of the data directory.

import { join } from 'node:path';
import { parseHostPort, type BrokerConfig } from '../../../core/broker-config.ts';
import { parseDuration } from '../../../core/duration.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { runGate } from '../../../gate/assemble.ts';
import { systemClock } from '../../../platform/clock.ts';
import { createLog } from '../../../platform/log.ts';
import { systemRandom } from '../../../platform/random.ts';
import { ownVersion } from '../version.ts';
import { runPart, type PartOptions } from './part.ts';

export interface GateRunOptions extends PartOptions {
  readonly listen?: string;
  readonly drain?: string;
}

/** One gate a broker, so far. */
const gateName = 'gate-1';

export async function run(options: GateRunOptions): Promise<number> {
  return await runPart(async () => {
    const config = configOf(options);
    const gate = await runGate({
      controlSocket: join(options.runDir, 'control.sock'),
      apiSocket: join(options.runDir, 'api.sock'),
      apiMtlsSocket: join(options.runDir, 'api-mtls.sock'),
      webSocket: join(options.runDir, 'web.sock'),
      acmeSocket: join(options.runDir, 'acme.sock'),
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

/** What a gate has to know of the configuration; by itself it cannot read the file. */
function configOf(options: GateRunOptions): Pick<BrokerConfig, 'listen' | 'drainMs'> {
  if (options.config !== undefined) return JSON.parse(options.config) as BrokerConfig;
  const listen = parseHostPort(options.listen ?? '');
  const drainMs = parseDuration(options.drain ?? '10s');
  if (listen !== undefined && drainMs !== undefined) return { listen, drainMs };
  const wrong = listen === undefined ? `--listen ${options.listen ?? ''}` : `--drain ${options.drain ?? ''}`;
  throw new SallyportError('invalid', `"${printable(wrong.trim(), 80)}" is not understood`, {
    next: 'write --listen 0.0.0.0:7443 and --drain 10s',
  });
}
