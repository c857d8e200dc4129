// DNS: does the name resolve here, to what, and by whom. What is dialled is what the system's own resolver
// answers (hosts file included), so that is what is asked. A resolver that blocks a name often lies instead of
// saying no: an address of nobody, or this machine itself.

import { getServers } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { isLocalhost, isLoopback, parseIp, refusalOf } from '../../core/destination.ts';
import { formatDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { bad, good, type Verdict } from './check.ts';

export type Resolved =
  | { readonly addresses: readonly string[] }
  /** Node's code, or `silent` when nothing came in time. */
  | { readonly fault: string };

export interface NameFacts {
  readonly host: string;
  readonly resolved: Resolved;
  /** Whom the system asks. */
  readonly servers: readonly string[];
  readonly ownName: string;
}

export async function lookUp(host: string): Promise<NameFacts> {
  return { host, resolved: await resolve(host), servers: getServers(), ownName: hostname() };
}

async function resolve(host: string): Promise<Resolved> {
  const late = Promise.withResolvers<Resolved>();
  const timer = setTimeout(() => late.resolve({ fault: 'silent' }), limits.preflightStepMs);
  const asked = lookup(host, { all: true, order: 'verbatim' }).then(
    (found): Resolved => ({ addresses: [...new Set(found.map(({ address }) => address))] }),
    (error: unknown): Resolved => ({
      fault: error instanceof Error && 'code' in error ? String(error.code) : 'unknown',
    }),
  );
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function judgeNames({ host, resolved, servers, ownName }: NameFacts): Verdict {
  const name = `"${printable(host, 80)}"`;
  if (parseIp(host) !== undefined) return good(`${name} is an address: nothing to resolve`);
  const asked = servers.length === 0 ? 'no name server is set' : `asked ${servers.join(', ')}`;
  if ('fault' in resolved) return judgeFault(resolved.fault, { name, asked });
  if (resolved.addresses.length === 0)
    return bad(`${name} has no address (${asked})`, 'check the name, and its A and AAAA records');
  const shown = resolved.addresses.map((address) => printable(address, 60)).join(', ');
  const lie = resolved.addresses.map(lieOf).find((what) => what !== undefined);
  if (lie !== undefined) {
    return bad(
      `${name} resolves to ${shown}: ${lie} (${asked})`,
      'the resolver blocks the name, or answers falsely: ask who runs it, or use the address of the broker',
    );
  }
  const isHere = resolved.addresses.some((address) => isOwn(address));
  if (isHere && !isLocalhost(host) && host !== ownName) {
    return good(
      `${name} resolves to ${shown}, which is this machine itself (${asked})`,
      'if the broker is not here, the resolver or /etc/hosts answers falsely',
    );
  }
  return good(`${name} resolves to ${shown}`);
}

function judgeFault(
  fault: string,
  { name, asked }: { readonly name: string; readonly asked: string },
): Verdict {
  switch (fault) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return bad(
        `there is no name ${name} (${asked})`,
        'check its spelling; a name that only some networks know needs their resolver',
      );
    case 'EAI_AGAIN':
      return bad(
        `${name} could not be resolved: no resolver answered (${asked})`,
        'check /etc/resolv.conf, and that UDP and TCP port 53 reach the name server',
      );
    case 'silent':
      return bad(
        `${name} was not resolved within ${formatDuration(limits.preflightStepMs)} (${asked})`,
        'check /etc/resolv.conf, and that UDP and TCP port 53 reach the name server',
      );
    default:
      return bad(
        `${name} could not be resolved (${printable(fault, 30)}, ${asked})`,
        'check /etc/resolv.conf',
      );
  }
}

function lieOf(text: string): string | undefined {
  const address = parseIp(text);
  return address === undefined ? undefined : refusalOf(address);
}

function isOwn(text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && isLoopback(address);
}
