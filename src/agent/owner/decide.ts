// The owner's decision about one channel: his rules against what a verified pass asks for. It only ever
// narrows: what the pass does not say, no rule can add. Pure; consent, which needs time, is in consent.ts.

import { userOf, type ChannelParams } from '../../core/channel.ts';
import { formatHostPort } from '../../core/broker-config.ts';
import { printable } from '../../core/printable.ts';
import { isWithin } from '../../core/remote-path.ts';
import { parseTarget } from '../../core/target.ts';
import type { Pass } from '../../wire/pass.ts';
import { isListed } from './allowed-target.ts';
import type { OwnerRules, Plane } from './rules.ts';

/** What is asked for, and as whom it would run here. */
export interface Asked {
  readonly pass: Pick<Pass, 'target'>;
  readonly params: ChannelParams;
  /** The agent's own OS user: who a session is when the parameters name nobody. */
  readonly ownUser: string;
  /** Of the user that it would run as: what "~" means, in his paths and in the operator's. */
  readonly home: string;
}

export type OwnerAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'owner_refused'; readonly words: string };

export function ownerAllows(rules: OwnerRules, asked: Asked): OwnerAnswer {
  const { params } = asked;
  const plane = planeOf(asked);
  if (rules.closedPlanes.has(plane)) return no(`has switched the ${plane} plane off`);
  if (rules.kinds?.has(params.kind) === false) return no(`does not allow ${params.kind} here`);
  if (params.kind === 'tcp') {
    const { host, port } = params;
    return mayReach(rules, host, port)
      ? { ok: true }
      : no(`does not allow connections to "${formatHostPort({ host, port })}" from here`);
  }
  const user = userOf(params) ?? asked.ownUser;
  if (rules.users?.has(user) === false) return no(`does not allow the user "${printable(user, 40)}" here`);
  if (params.kind !== 'files') return { ok: true };
  const outside = params.roots.find((root) => !mayTouch(rules, params.mode, root, asked.home));
  if (outside === undefined) return { ok: true };
  const doing = params.mode === 'read' ? 'reading' : 'writing';
  return no(`does not allow ${doing} "${printable(outside)}" here`);
}

/** For a host as it was asked for: a name in the list means whatever that name resolves to here. */
export function mayReach(rules: OwnerRules, host: string, port: number): boolean {
  return rules.targets === undefined || isListed(rules.targets, host, port);
}

/** For a path in normal form, whether or not anything is there. Links are the rim's business (real-paths.ts). */
export function mayTouch(rules: OwnerRules, mode: 'read' | 'write', path: string, home: string): boolean {
  if (rules.paths === undefined) return true;
  const asked = atHome(path, home);
  return rules.paths[mode].some((allowed) => isWithin(asked, atHome(allowed, home)));
}

/** The path with "~" as the home that it stands for. */
export function atHome(path: string, home: string): string {
  if (path !== '~' && !path.startsWith('~/')) return path;
  const base = home === '/' ? '' : home.replace(/\/+$/, '');
  return `${base}${path.slice(1)}` || '/';
}

/** The class of a service does not travel in the pass, so a named one counts as an application. */
function planeOf({ pass, params }: Asked): Plane {
  const isService = params.kind === 'tcp' && parseTarget(pass.target)?.service !== undefined;
  return isService ? 'application' : 'maintenance';
}

function no(what: string): OwnerAnswer {
  return { ok: false, code: 'owner_refused', words: `the device's owner ${what}` };
}
