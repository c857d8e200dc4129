// Where a connection goes, from the names in its ClientHello (docs/protocol.md, "One port"). Pure.

import { apiAlpn, channelAlpn, linkAlpn, publicAlpn } from '../wire/alpn.ts';

/**
 * The authority answers the last three: `apiMtls` asks for a client certificate, `api` does not, and `web` is for
 * browsers and whoever else speaks plain HTTP.
 */
export type Route = 'link' | 'channel' | 'apiMtls' | 'api' | 'web';

interface Names {
  readonly sni?: string;
  readonly alpn: readonly string[];
}

/**
 * Undefined: nobody here. `apiHosts` are the api's own names; as long as there are none, any name is. A
 * connection to an address carries no name and is the api's too.
 */
export function routeOf(names: Names, apiHosts: readonly string[]): Route | undefined {
  const { alpn, sni } = names;
  if (alpn.includes(linkAlpn)) return 'link';
  if (alpn.includes(channelAlpn)) return 'channel';
  if (alpn.includes(apiAlpn)) return 'apiMtls';
  if (alpn.includes(publicAlpn)) return 'api';
  if (alpn.length > 0 && !alpn.includes('http/1.1') && !alpn.includes('h2')) return undefined;
  return sni === undefined || apiHosts.length === 0 || apiHosts.includes(sni) ? 'web' : undefined;
}
