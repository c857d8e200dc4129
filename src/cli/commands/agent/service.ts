// sallyport agent service install | status | remove: the agent as a systemd service.

import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultStateDir } from '../../../agent/state.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { agentUnit, agentUnitName } from '../../service/agent-unit.ts';
import {
  disableNow,
  enableNow,
  mustRun,
  putInPlace,
  requireSystemd,
  stateOf,
  takeAway,
} from '../../service/manage.ts';
import { looseOn, refuseClosedProgram } from '../../service/program.ts';
import { thisHost, type ServiceHost } from '../../service/service-host.ts';
import { showFiles, showInstalled, showStates } from '../../service/show.ts';
import type { UnitFile } from '../../service/unit-file.ts';

export interface AgentServiceOptions extends CommonOptions {
  readonly action: string;
  readonly state?: string;
  readonly config?: string;
  readonly print?: boolean;
}

export async function run(options: AgentServiceOptions): Promise<number> {
  return await manageAgent(options, thisHost());
}

export async function manageAgent(options: AgentServiceOptions, host: ServiceHost): Promise<number> {
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
          next: 'sallyport agent service install, status or remove',
        },
      );
  }
}

async function install(options: AgentServiceOptions, host: ServiceHost): Promise<number> {
  const stateDir = stateDirOf(options);
  if (options.print === true) {
    const uid = ownerOf(stateDir) ?? userInfo().uid;
    return showFiles([unitFor(options, { host, stateDir, user: await nameOf(uid, host) })], options.json);
  }
  requireSystemd(host, {
    command: 'agent service install',
    instead:
      'start "sallyport agent run" by whatever runs services here; --print shows the unit for another machine',
  });
  const uid = ownerOf(join(stateDir, 'state.json'));
  if (uid === undefined) {
    throw new SallyportError('local_file', `"${stateDir}" holds no device that has joined a broker`, {
      next: 'join first, as the user that the agent shall run as; or say where with --state',
    });
  }
  const { program } = host;
  const user = await nameOf(uid, host);
  if (uid !== 0) refuseClosedProgram(program, `"${user}"`);
  const file = unitFor(options, { host, stateDir, user });
  const wasThere = (await host.read(file.path)) !== undefined;
  const hasChanged = await putInPlace(host, [file]);
  await enableNow(host, agentUnitName);
  const loose = looseOn(program);
  return showInstalled([await stateOf(host, agentUnitName, file)], {
    json: options.json,
    restart:
      wasThere && hasChanged ? `sudo systemctl restart ${agentUnitName} (its sessions end)` : undefined,
    warning:
      loose === undefined
        ? undefined
        : `"${loose}" can be changed by others than root, and this service runs what lies there as "${user}"`,
    next: ['sallyport agent status, for the link to the broker'],
  });
}

async function status(options: AgentServiceOptions, host: ServiceHost): Promise<number> {
  const stateDir = stateDirOf(options);
  const user = await nameOf(ownerOf(stateDir) ?? 0, host);
  const state = await stateOf(host, agentUnitName, unitFor(options, { host, stateDir, user }));
  // Which state directory it was installed for is in the unit; only who names one asks about that one.
  const seen = options.state === undefined ? { ...state, isCurrent: true } : state;
  return showStates([seen], { json: options.json, command: 'agent service' });
}

async function remove(options: AgentServiceOptions, host: ServiceHost): Promise<number> {
  requireSystemd(host, { command: 'agent service remove', instead: 'nothing of it can be installed here' });
  const { path } = unitFor(options, { host, stateDir: '/', user: 'root' });
  const isThere = (await host.read(path)) !== undefined;
  if (isThere) await disableNow(host, [agentUnitName]);
  const removed = await takeAway(host, [path]);
  if (isThere) await mustRun(host, ['systemctl', 'daemon-reload']);
  if (options.json === true) printJson({ removed });
  else
    print(
      isThere ? `${agentUnitName}: stopped and removed; state and key stay` : 'no such service is installed',
    );
  return 0;
}

function unitFor(
  options: AgentServiceOptions,
  facts: { readonly host: ServiceHost; readonly stateDir: string; readonly user: string },
): UnitFile {
  const { host, stateDir, user } = facts;
  const { node, script } = host.program;
  const config = options.config === undefined ? undefined : resolve(options.config);
  return agentUnit({ stateDir, user, config, program: [node, script] });
}

function stateDirOf({ state }: AgentServiceOptions): string {
  return state === undefined ? defaultStateDir() : resolve(state);
}

/** Undefined: not there. */
function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid;
}

async function nameOf(uid: number, host: ServiceHost): Promise<string> {
  if (uid === 0) return 'root';
  const { code, stdout } = await host.run(['id', '-nu', String(uid)]);
  // Systemd takes the number as well.
  return code === 0 ? stdout.trim() : String(uid);
}
