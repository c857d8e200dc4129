// TCP: does each address of the name take a connection, and if not, how it fails. Refused, silent and
// unreachable have different causes, and different people to ask.

import { connect } from 'node:net';
import { formatPeer, parseIp } from '../../core/destination.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { bad, good, type Verdict } from './check.ts';

export interface Attempt {
  readonly address: string;
  /** The time that the connection took. */
  readonly ms?: number;
  /** Node's code, or `silent` when nothing came in time. */
  readonly fault?: string;
}

export interface ReachFacts {
  /** As typed: "gate.example.com:7443", or the proxy's. */
  readonly place: string;
  readonly port: number;
  readonly attempts: readonly Attempt[];
  /** HTTP_PROXY alone leads nothing that is TLS: somebody may have meant it. */
  readonly hasUnusedProxy: boolean;
}

/** At once: a machine with IPv6 that leads nowhere is common, and each says something. */
export async function tryAll(addresses: readonly string[], port: number): Promise<readonly Attempt[]> {
  return await Promise.all(addresses.slice(0, limits.addressesPerNameMax).map((one) => tryOne(one, port)));
}

function tryOne(address: string, port: number): Promise<Attempt> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (result: Omit<Attempt, 'address'>): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      resolve({ address, ...result });
    };
    const timer = setTimeout(() => settle({ fault: 'silent' }), limits.preflightStepMs);
    socket.once('connect', () => settle({ ms: Math.round(performance.now() - startedAt) }));
    socket.once('error', (error: NodeJS.ErrnoException) => settle({ fault: error.code ?? 'unknown' }));
  });
}

export function judgeReach({ place, port, attempts, hasUnusedProxy }: ReachFacts): Verdict {
  const shown = attempts.map((attempt) => wordsOf(attempt, port)).join('; ');
  const reached = attempts.filter(({ ms }) => ms !== undefined);
  if (reached.length === attempts.length && reached.length > 0) return good(shown);
  if (reached.length > 0)
    return good(shown, 'the other addresses cost time at each dial: take them out of DNS, or mend the way');
  const faults = attempts.map(({ fault = 'unknown' }) => fault);
  const hint = hasUnusedProxy
    ? '; HTTP_PROXY is set and HTTPS_PROXY is not: only the latter counts here'
    : '';
  return bad(
    shown === '' ? `"${printable(place)}" has no address` : shown,
    `${adviceFor(faults, place)}${hint}`,
  );
}

function adviceFor(faults: readonly string[], place: string): string {
  const where = `"${printable(place, 100)}"`;
  if (faults.includes('ECONNREFUSED'))
    return `the machine is there and nothing listens: check the port, and that ${where} runs`;
  if (faults.includes('silent'))
    return `a firewall drops it, or nobody is there: ask for a way out to ${where}, TCP`;
  if (faults.some((fault) => fault === 'ENETUNREACH' || fault === 'EHOSTUNREACH'))
    return `there is no route from here: check the cable, the address of this machine and its gateway`;
  if (faults.some((fault) => fault === 'EACCES' || fault === 'EPERM'))
    return 'a firewall on this machine forbids it: see "nft list ruleset"';
  return 'check the network and the firewall';
}

function wordsOf({ address, ms, fault }: Attempt, port: number): string {
  const ip = parseIp(address);
  const peer = ip === undefined ? printable(address, 60) : formatPeer(ip, port);
  if (ms !== undefined) return `${peer} connected in ${ms} ms`;
  switch (fault) {
    case 'ECONNREFUSED':
      return `${peer} refused the connection`;
    case 'silent':
      return `${peer} did not answer within ${limits.preflightStepMs / 1_000} s`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `${peer} is unreachable`;
    case 'ECONNRESET':
      return `${peer} reset the connection`;
    default:
      return `${peer} failed (${printable(fault ?? 'unknown', 30)})`;
  }
}
