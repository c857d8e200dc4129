// sallyport broker service install | status | remove: authority and gate as two systemd services of two users.

import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultListen, parseBrokerConfig, type BrokerConfig } from '../../../core/broker-config.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { FileFault } from '../../../platform/file-fault.ts';
import { readYamlFile } from '../../../platform/yaml-file.ts';
import { gateConfinement } from '../../broker/confinement.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import {
  authorityUnitName,
  authorityUser,
  brokerTarget,
  brokerUnits,
  gateUnitName,
  gateUser,
  type BrokerUnits,
} from '../../service/broker-units.ts';
import {
  disableNow,
  enableNow,
  mustRun,
  putInPlace,
  requireSystemd,
  stateOf,
  takeAway,
} from '../../service/manage.ts';
import { looseOn, refuseClosedProgram, refuseHiddenProgram } from '../../service/program.ts';
import { thisHost, type ServiceHost } from '../../service/service-host.ts';
import { showFiles, showInstalled, showStates } from '../../service/show.ts';

export interface BrokerServiceOptions extends CommonOptions {
  readonly action: string;
  readonly data?: string;
  readonly name?: string;
  readonly listen?: string;
  readonly print?: boolean;
}

const defaultData = '/var/lib/sallyport';
const runDir = '/run/sallyport';
/** In the order of a stop: the gate drains while the authority still listens. */
const unitNames = [brokerTarget, gateUnitName, authorityUnitName] as const;

export async function run(options: BrokerServiceOptions): Promise<number> {
  return await manageBroker(options, thisHost());
}

export async function manageBroker(options: BrokerServiceOptions, host: ServiceHost): Promise<number> {
  switch (options.action) {
    case 'install':
      return await install(options, host);
    case 'status':
      return await status(options, host);
    case 'remove':
      return await remove(options, host);
    default:
      throw new SallyportError(
        'invalid',
        `"${printable(options.action, 40)}" is nothing to do with a service`,
        {
          next: 'sallyport broker service install, status or remove',
        },
      );
  }
}

async function install(options: BrokerServiceOptions, host: ServiceHost): Promise<number> {
  const dataDir = resolve(options.data ?? defaultData);
  const { program } = host;
  if (options.print !== true) {
    requireSystemd(host, {
      command: 'broker service install',
      instead:
        'start "sallyport broker run" by whatever runs services here; --print shows the units for another machine',
    });
    refuseHiddenProgram(program);
    refuseClosedProgram(program, `"${authorityUser}" and "${gateUser}"`);
  }
  const units = unitsFor(host, { dataDir, config: await configFor(options, dataDir) });
  if (options.print === true)
    return showFiles([units.accounts, units.directories, ...units.units], options.json);
  const wasThere = (await host.read(units.units[0]?.path ?? '')) !== undefined;
  await putInPlace(host, [units.accounts, units.directories]);
  await mustRun(host, ['systemd-sysusers', units.accounts.path]);
  await refuseOthersData(dataDir, host);
  await mustRun(host, ['systemd-tmpfiles', '--create', units.directories.path]);
  const hasChanged = await putInPlace(host, units.units);
  await enableNow(host, brokerTarget);
  const loose = looseOn(program);
  return showInstalled(await statesOf(units, host), {
    json: options.json,
    restart: wasThere && hasChanged ? `sudo systemctl restart ${brokerTarget} (sessions end)` : undefined,
    warning:
      loose === undefined
        ? undefined
        : `"${loose}" can be changed by others than root, and the services run what lies there`,
    next: [`sudo sallyport broker invite admin --data ${dataDir}, for the first administrator`],
  });
}

async function status(options: BrokerServiceOptions, host: ServiceHost): Promise<number> {
  const dataDir = resolve(options.data ?? defaultData);
  const config = await readableConfig(options, dataDir);
  const units = unitsFor(host, { dataDir, config: config ?? nothing });
  const states = await statesOf(units, host);
  // Whoever may not read broker.yaml is not told that the units differ from it.
  const seen = config === undefined ? states.map((state) => ({ ...state, isCurrent: true })) : states;
  return showStates(seen, { json: options.json, command: 'broker service' });
}

async function remove(options: BrokerServiceOptions, host: ServiceHost): Promise<number> {
  requireSystemd(host, { command: 'broker service remove', instead: 'nothing of it can be installed here' });
  const dataDir = resolve(options.data ?? defaultData);
  const { units, accounts, directories } = unitsFor(host, { dataDir, config: nothing });
  const paths = [...units, directories, accounts].map(({ path }) => path);
  const isThere = (await Promise.all(paths.map((path) => host.read(path)))).some(
    (text) => text !== undefined,
  );
  if (isThere) await disableNow(host, unitNames);
  const removed = await takeAway(host, paths);
  if (isThere) await mustRun(host, ['systemctl', 'daemon-reload']);
  if (options.json === true) printJson({ removed });
  else {
    print(
      isThere
        ? `${unitNames.join(', ')}: stopped and removed; the data and the users ${authorityUser} and ${gateUser} stay`
        : 'no such services are installed',
    );
  }
  return 0;
}

type Config = Pick<BrokerConfig, 'name' | 'listen' | 'drainMs'>;

/** Where only the names of the files count. */
const nothing: Config = { name: 'none', listen: { host: '0.0.0.0', port: 0 }, drainMs: 1_000 };

function unitsFor(
  host: ServiceHost,
  { dataDir, config }: { readonly dataDir: string; readonly config: Config },
): BrokerUnits {
  const { node, script } = host.program;
  return brokerUnits({
    program: [node, script],
    gateProgram: [node, ...gateConfinement(script), script],
    dataDir,
    runDir,
    config,
  });
}

async function statesOf({ units }: BrokerUnits, host: ServiceHost) {
  return await Promise.all(
    units.map((file) => stateOf(host, file.path.slice(file.path.lastIndexOf('/') + 1), file)),
  );
}

/** broker.yaml where it is there; else what the flags say, which then becomes it. */
async function configFor(options: BrokerServiceOptions, dataDir: string): Promise<Config> {
  const path = join(dataDir, 'broker.yaml');
  const read = await readYamlFile(path);
  if (read.ok && (options.name ?? options.listen) !== undefined) {
    throw new SallyportError('conflict', `"${path}" is there already, and says name and listen itself`, {
      next: 'change it there, then install again without --name and --listen',
    });
  }
  if (!read.ok && read.fault === 'malformed') {
    throw new SallyportError('invalid', `"${path}" is not YAML: ${read.message}`, {
      next: 'correct the line, then install again',
    });
  }
  const fromFlags = {
    name: options.name ?? hostname().toLowerCase(),
    listen: options.listen ?? defaultListen,
  };
  const config = parseBrokerConfig(read.ok ? read.value : fromFlags);
  if (typeof config !== 'string') return config;
  throw new SallyportError('invalid', read.ok ? `"${path}": ${config}` : config, {
    next: 'docs/configuration.md lists every key',
  });
}

async function readableConfig(options: BrokerServiceOptions, dataDir: string): Promise<Config | undefined> {
  try {
    return await configFor(options, dataDir);
  } catch (error) {
    if (error instanceof FileFault) return undefined;
    throw error;
  }
}

/** A broker that ran as somebody else: giving its keys to another user is for a person to do. */
async function refuseOthersData(dataDir: string, host: ServiceHost): Promise<void> {
  const found = statSync(join(dataDir, 'authority'), { throwIfNoEntry: false });
  if (found === undefined) return;
  const owner = (await mustRun(host, ['id', '-u', authorityUser])).trim();
  if (String(found.uid) === owner) return;
  throw new SallyportError(
    'conflict',
    `the data in "${dataDir}" belong to user ${found.uid}, not to ${authorityUser}`,
    {
      next: `stop the broker that runs on it, then: chown -R ${authorityUser}:${authorityUser} ${dataDir}, and install again`,
    },
  );
}
