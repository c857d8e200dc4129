// The broker's address as people type it: "gate.example.com:7443", "192.0.2.7", "[2001:db8::7]:7443".
// Pure; the port may be left out.

import { isIP } from 'node:net';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const defaultPort = 7443;

const hostPattern =
  /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$/;

/** Throws SallyportError `invalid` for anything that is no address. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  const isBracketed = match?.[1] !== undefined;
  const isHost = isBracketed ? isIP(host) === 6 : hostPattern.test(host) && host.length <= 253;
  if (isHost && port >= 1 && port <= 65_535) return { host, port };
  throw new SallyportError('invalid', `"${printable(text)}" is not an address`, {
    next: 'write host:port, for example gate.example.com:7443',
  });
}

/** The SNI name: an IP address has none. */
export function serverName(host: string): string {
  return isIP(host) === 0 ? host : '';
}
