// NO_PROXY: where no proxy is to be used, though one is set. Pure. Entries stand apart by commas or blanks:
//
//   *                      everything
//   gate.example.com       that host and all below it; so do ".example.com" and "*.example.com"
//   192.0.2.7, fd00::7     that address
//   10.0.0.0/8, fd00::/8   the addresses of that network
//   gate.example.com:7443  any of these with a port ("[fd00::7]:7443"), at that port only
//
// Names are compared as names, addresses as addresses: nothing is resolved.

import { isWithin, parseIp, parseNetwork } from '../core/destination.ts';
import type { Address } from './address.ts';

/** The entry that names this address; undefined when none does. */
export function exemptBy(address: Address, list: string): string | undefined {
  return list.split(/[\s,]+/).find((entry) => entry !== '' && names(entry.toLowerCase(), address));
}

function names(entry: string, { host, port }: Address): boolean {
  if (entry === '*') return true;
  const { place, port: ownPort } = split(entry);
  if (ownPort !== undefined && ownPort !== port) return false;
  const address = parseIp(host);
  if (place.includes('/')) {
    const network = parseNetwork(place);
    return address !== undefined && network !== undefined && isWithin(address, network);
  }
  const named = parseIp(place);
  if (address !== undefined || named !== undefined) return address?.text === named?.text;
  const suffix = place.replace(/^\*?\./, '').replace(/\.$/, '');
  const name = host.toLowerCase().replace(/\.$/, '');
  return suffix !== '' && (name === suffix || name.endsWith(`.${suffix}`));
}

function split(entry: string): { readonly place: string; readonly port: number | undefined } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(entry);
  // More than one colon outside brackets: an IPv6 address or network, without a port.
  if (match === null) return { place: entry, port: undefined };
  return {
    place: match[1] ?? match[2] ?? '',
    port: match[3] === undefined ? undefined : Number(match[3]),
  };
}
