// What is done to a machine to install, look at and remove services: files put in place, systemd told, and what
// came of it. Nothing that somebody else wrote is overwritten or removed.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { ServiceHost } from './service-host.ts';
import { ownMark, type UnitFile } from './unit-file.ts';

export interface UnitState {
  readonly unit: string;
  /** Undefined: no file of ours is there. */
  readonly path: string | undefined;
  /** As "systemctl is-enabled" and "is-active" say. */
  readonly enabled: string;
  readonly active: string;
  /** False: an installation now would write something else. */
  readonly isCurrent: boolean;
}

/** Throws where services cannot be installed or removed. */
export function requireSystemd(
  host: ServiceHost,
  what: { readonly command: string; readonly instead: string },
): void {
  if (!host.isSystemd) {
    throw new SallyportError('local_file', 'this machine is not run by systemd', { next: what.instead });
  }
  if (!host.isRoot) {
    throw new SallyportError('local_file', 'only root installs or removes a service', {
      next: `sudo sallyport ${what.command}`,
    });
  }
}

/** Writes what differs; true where something did. */
export async function putInPlace(host: ServiceHost, files: readonly UnitFile[]): Promise<boolean> {
  const old = await Promise.all(files.map(({ path }) => host.read(path)));
  for (const [at, { path }] of files.entries()) refuseForeign(path, old[at]);
  let hasChanged = false;
  for (const [at, { path, text }] of files.entries()) {
    if (old[at] === text) continue;
    hasChanged = true;
    await host.write(path, text);
  }
  return hasChanged;
}

export async function takeAway(host: ServiceHost, paths: readonly string[]): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const path of paths) {
    const text = await host.read(path);
    if (text === undefined) continue;
    refuseForeign(path, text);
    await host.remove(path);
    removed.push(path);
  }
  return removed;
}

function refuseForeign(path: string, text: string | undefined): void {
  if (text === undefined || text.startsWith(ownMark)) return;
  throw new SallyportError('conflict', `"${path}" is there and was not written by this program`, {
    next: 'move it away, or leave the service to whoever wrote it',
  });
}

/** Throws with what it said when the command fails. */
export async function mustRun(host: ServiceHost, argv: readonly string[]): Promise<string> {
  const line = argv.join(' ');
  let result: Awaited<ReturnType<ServiceHost['run']>>;
  try {
    result = await host.run(argv);
  } catch (cause) {
    throw new SallyportError('local_file', `"${argv[0]}" cannot be started`, {
      next: 'it is part of systemd: check that it is installed',
      cause,
    });
  }
  if (result.code === 0) return result.stdout;
  const said = printable(result.stderr.trim() || result.stdout.trim() || `exit ${result.code}`, 400);
  throw new SallyportError('local_file', `"${line}" failed: ${said}`, {
    next: 'mend that, then do it again',
  });
}

/** Now and at each boot. */
export async function enableNow(host: ServiceHost, unit: string): Promise<void> {
  await mustRun(host, ['systemctl', 'daemon-reload']);
  await mustRun(host, ['systemctl', 'enable', '--now', unit]);
}

/** A unit that systemd does not know is none: nothing to stop. */
export async function disableNow(host: ServiceHost, units: readonly string[]): Promise<void> {
  for (const unit of units) {
    if ((await say(host, ['systemctl', 'is-active', unit])) !== 'inactive')
      await mustRun(host, ['systemctl', 'stop', unit]);
    const enabled = await say(host, ['systemctl', 'is-enabled', unit]);
    if (enabled === 'enabled') await mustRun(host, ['systemctl', 'disable', unit]);
  }
}

export async function stateOf(host: ServiceHost, unit: string, wanted: UnitFile): Promise<UnitState> {
  const text = await host.read(wanted.path);
  return {
    unit,
    path: text?.startsWith(ownMark) === true ? wanted.path : undefined,
    enabled: await say(host, ['systemctl', 'is-enabled', unit]),
    active: await say(host, ['systemctl', 'is-active', unit]),
    isCurrent: text === wanted.text,
  };
}

/** One word of systemctl, which says it with an exit status of its own. */
async function say(host: ServiceHost, argv: readonly string[]): Promise<string> {
  const { stdout } = await host.run(argv);
  return printable(stdout.trim().split('\n')[0] ?? '', 40) || 'unknown';
}
