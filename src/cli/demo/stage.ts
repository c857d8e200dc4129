// The demo's stage: a broker and an agent as real processes on loopback, their data in a temporary
// folder, one administrator, one operator and two devices enrolled through the ordinary commands.

import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { freePort } from './free-port.ts';
import { exitOf, run, start, type Ran, type Surroundings } from './program.ts';

export const demoDevice = 'demo-device';
/** Enrolled too, visible, and granted to nobody. */
export const closedDevice = 'vault';

/** Its owner asks to be asked, and lets nobody but commands in. */
export const guardedDevice = 'press';
const ownerRules =
  '# What the owner of this device allows, whatever the broker says.\nkinds: [exec]\nconsent: required\n';

const devices = [
  { name: demoDevice, site: 'demo' },
  { name: closedDevice, site: 'elsewhere' },
  { name: guardedDevice, site: 'demo', rules: ownerRules },
] as const;

/** What the demo grants. `files` is the folder that may be copied to and from. */
function policyFor(files: string): string {
  return `// What the demo grants. Nothing else is: edit it, "sallyport policy apply FILE", and try again.

@id("operators-see-devices")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("operators-on-demo-devices")
@maxSession("30m")
@idle("10m")
@banner("This shell is governed: who, what and when are on the audit log.")
permit (
  principal in Role::"operator",
  action in [Action::"shell", Action::"exec"],
  resource
) when { resource.hasTag("site") && resource.getTag("site") == "demo" };

@id("operators-use-services")
@maxSession("30m")
permit (principal in Role::"operator", action == Action::"forward", resource is Service)
when { resource.class == "workload" };

@id("operators-copy-in-one-folder")
@maxSession("30m")
permit (
  principal in Role::"operator",
  action in [Action::"upload", Action::"download"],
  resource
) when { context has path && context.path like ${JSON.stringify(`${files}/*`)} };
`;
}

export interface Stage {
  readonly folder: string;
  readonly address: string;
  readonly admin: Surroundings;
  readonly operator: Surroundings;
  /** A command that runs the program as the demo's administrator, for another terminal. */
  readonly command: string;
  /** Ends every process of the demo and removes the folder. */
  close(): Promise<void>;
}

/** Says each step as it is done; throws SallyportError at the first that is not. */
export async function setStage(say: (step: string, ms: number) => void): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
  const processes: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const child of processes.toReversed()) await stop(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const address = `localhost:${await freePort()}`;
    const admin = { home: join(folder, 'admin') };
    const operator = { home: join(folder, 'ana') };
    const command = await writeCommand(folder, admin);

    let at = performance.now();
    const broker = start(
      [
        'broker',
        'run',
        '--data',
        join(folder, 'broker'),
        '--listen',
        address.replace('localhost', '127.0.0.1'),
        '--name',
        'localhost',
      ],
      admin,
    );
    processes.push(broker);
    const invite = await readInvite(broker);
    say('broker: authority and gate are running', performance.now() - at);

    at = performance.now();
    await must(run(['login', address, '--invite', invite], admin));
    const ana = await mustJson(run(['identities', 'add', 'ana', '--role', 'operator', '--json'], admin));
    await must(run(['login', address, '--invite', String(ana['token'])], operator));
    say('people: an administrator, and ana, an operator', performance.now() - at);

    for (const device of devices) {
      at = performance.now();
      const state = stateOf(folder, device.name);
      const labels = ['--owner', 'ana', '--label', `site=${device.site}`];
      const invited = await mustJson(run(['devices', 'invite', device.name, ...labels, '--json'], admin));
      await must(
        run(['agent', 'join', address, '--token', String(invited['token']), '--state', state], admin),
      );
      if ('rules' in device) await writeFile(join(state, 'agent.yaml'), device.rules, { mode: 0o600 });
      processes.push(start(['agent', 'run', '--state', state], admin));
      await untilOnline(device.name, admin);
      say(`device: "${device.name}" joined and dialled out`, performance.now() - at);
    }

    at = performance.now();
    const policyFile = join(folder, 'policy', 'demo.cedar');
    await mkdir(join(folder, 'policy'));
    await mkdir(filesOf(folder));
    await writeFile(policyFile, policyFor(filesOf(folder)));
    await must(run(['policy', 'apply', policyFile, '-m', 'the demo'], admin));
    say('policy: applied, four rules', performance.now() - at);
    return { folder, address, admin, operator, command, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where a device of the demo keeps its key and state. */
export function stateOf(folder: string, device: string): string {
  return join(folder, device);
}

/** The folder on "the device" that policy lets ana copy to and from. */
export function filesOf(folder: string): string {
  return join(folder, 'files');
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = exitOf(child);
  child.kill('SIGTERM');
  await gone;
}

export async function must(running: Promise<Ran>): Promise<Ran> {
  const ran = await running;
  if (ran.status !== 0)
    throw new SallyportError(
      'internal',
      `a step of the demo failed (exit ${ran.status}): ${ran.stderr.trim() || ran.stdout.trim()}`,
    );
  return ran;
}

export async function mustJson(running: Promise<Ran>): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = await must(running);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The broker prints the first invite once, on stdout; what it says on stderr is kept for the error. */
export async function readInvite(broker: ChildProcess): Promise<string> {
  let text = '';
  let errors = '';
  return await new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      const invite = /--invite (\S+)/.exec(text)?.[1];
      if (invite !== undefined && text.includes('listening on')) resolve(invite);
    };
    broker.stdout?.on('data', read);
    broker.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-2_000);
    });
    broker.once('error', reject);
    broker.once('close', () => reject(new SallyportError('internal', `the broker ended: ${errors.trim()}`)));
  });
}

const onlineTries = 50;

async function untilOnline(device: string, admin: Surroundings): Promise<void> {
  for (let turn = 0; turn < onlineTries; turn += 1) {
    const view = await mustJson(run(['devices', 'show', device, '--json'], admin));
    if (view['online'] === true) return;
  }
  throw new SallyportError('device_offline', `"${device}" did not come online`);
}

async function writeCommand(folder: string, admin: Surroundings): Promise<string> {
  const path = join(folder, 'sallyport');
  const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const words = [process.execPath, ...process.execArgv, process.argv[1] ?? ''].map(quote).join(' ');
  await writeFile(path, `#!/bin/sh\nSALLYPORT_HOME=${quote(admin.home)} exec ${words} "$@"\n`, {
    mode: 0o755,
  });
  return path;
}
