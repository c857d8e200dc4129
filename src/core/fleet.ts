// A token for many devices: how they are named, in order, and which of them need no person to accept them. Pure.

import { BlockList, isIP } from 'node:net';
import { isName } from './device.ts';

/** Who is accepted at once: everybody, or whoever comes from one of these networks (CIDR). Absent: nobody. */
export type AcceptRule = 'all' | readonly string[];

export interface Fleet {
  /** "pump-{n}". The token itself is used as long as `used` is below `count`. */
  readonly count: number;
  readonly used: number;
  /** Where the search for the next free name begins. */
  readonly nextNumber: number;
  readonly accept?: AcceptRule;
}

const place = /\{n(?::0([1-9]))?\}/g;

/** "pump-{n}", "pump-{n:03}": a name with exactly one place for a number, and a name whatever the number is. */
export function isPattern(text: string): boolean {
  return [...text.matchAll(place)].length === 1 && isName(nameAt(text, 1)) && isName(nameAt(text, 99_999));
}

/** The name with this number; with leading zeros as the pattern wants. */
export function nameAt(pattern: string, n: number): string {
  return pattern.replace(place, (_, width: string | undefined) =>
    String(n).padStart(Number(width ?? 1), '0'),
  );
}

/** "10.0.0.0/8", "2001:db8::/32", or one address. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** Which rule lets a device in that comes from there, in words; undefined where a person has to. */
export function acceptedBy(rule: AcceptRule | undefined, address: string): string | undefined {
  if (rule === undefined) return undefined;
  if (rule === 'all') return 'all';
  return rule.find((network) => contains(network, address));
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

function parseNetwork(text: string): Network | undefined {
  const [, address = '', prefixText] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  return prefix > bits ? undefined : { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function contains(text: string, address: string): boolean {
  const network = parseNetwork(text);
  const version = isIP(address);
  if (network === undefined || version === 0) return false;
  const list = new BlockList();
  list.addSubnet(network.address, network.prefix, network.family);
  return list.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
