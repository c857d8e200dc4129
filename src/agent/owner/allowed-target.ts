// Destinations in the owner's list, and whether what is asked for is one of them. Names are compared as
// names and addresses as addresses: "10.0.0.1" allows neither "110.0.0.10" nor "10.0.0.1.evil" nor
// "010.0.0.1" (negative test L9), and an address in another spelling is still that address. Pure.

import { parseIp, readHost } from '../../core/destination.ts';

export interface AllowedTarget {
  /** A DNS name, or an address in its one spelling. */
  readonly host: string;
  readonly port: number | '*';
}

/** "127.0.0.1:5432", "10.0.0.5:*", "[::1]:80", "db.local:5432"; undefined for what is none of these. */
export function parseAllowedTarget(text: string): AllowedTarget | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\*|[1-9][0-9]{0,4})$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, bracketed, plain = '', portText] = match;
  const port = portText === '*' ? '*' : Number(portText);
  if (port !== '*' && port > 65_535) return undefined;
  const host = spell(bracketed ?? plain);
  const isAddress = parseIp(host) !== undefined;
  // "127.1" is neither: what the owner meant by it, some program would read otherwise.
  const isHost = bracketed === undefined ? readHost(host).form !== 'refused' : isAddress;
  return isHost ? { host, port } : undefined;
}

/** Whether the list holds this destination, as it was asked for: by name or by address. */
export function isListed(list: readonly AllowedTarget[], host: string, port: number): boolean {
  const asked = spell(host.toLowerCase());
  return list.some((entry) => entry.host === asked && (entry.port === '*' || entry.port === port));
}

function spell(host: string): string {
  return parseIp(host)?.text ?? host;
}
