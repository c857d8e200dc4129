// broker.yaml in the data directory: read at each start, written from the flags on the first.

import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  defaultListen,
  formatHostPort,
  parseBrokerConfig,
  type BrokerConfig,
} from '../../core/broker-config.ts';
import { SallyportError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../platform/files.ts';
import { readYamlFile } from '../../platform/yaml-file.ts';

export interface ConfigFlags {
  readonly listen?: string;
  readonly name?: string;
}

/** The file in the data directory; on the first run it is written from the flags. Flags win over it. */
export async function loadConfig(dataDir: string, options: ConfigFlags): Promise<BrokerConfig> {
  const path = join(dataDir, 'broker.yaml');
  const read = await readYamlFile(path);
  if (!read.ok && read.fault === 'malformed') {
    throw new SallyportError('invalid', `"${path}" is not YAML: ${read.message}`, {
      next: 'correct the line, then start again',
    });
  }
  const fromFlags = {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.listen === undefined ? {} : { listen: options.listen }),
  };
  const value = read.ok
    ? { ...(read.value as object), ...fromFlags }
    : { name: hostname().toLowerCase(), listen: defaultListen, ...fromFlags };
  const config = parseBrokerConfig(value);
  if (typeof config === 'string') {
    throw new SallyportError('invalid', read.ok ? `"${path}": ${config}` : config, {
      next: 'docs/configuration.md lists every key',
    });
  }
  if (!read.ok) {
    const lines = [
      '# The broker (docs/configuration.md). Restart it after a change.',
      `name: ${config.name}`,
      `listen: ${JSON.stringify(formatHostPort(config.listen))}`,
    ];
    await writeFileAtomic(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  }
  return config;
}
