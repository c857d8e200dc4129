// Where a connection goes, from the names in its ClientHello (docs/protocol.md, "One port"). Pure.

import { acmeAlpn, apiAlpn, channelAlpn, linkAlpn, publicAlpn } from '../wire/alpn.ts';

/**
 * The authority answers the last four: `apiMtls` asks for a client certificate, `api` does not, `web` is for browsers
 * and whoever else speaks plain HTTP, and `acme` for the authority of whom the console's certificate is asked.
 */
export type Route = 'link' | 'channel' | 'apiMtls' | 'api' | 'web' | 'acme';

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
  const isOurs = sni === undefined || apiHosts.length === 0 || apiHosts.includes(sni);
  // RFC 8737, section 3: that name alone.
  if (alpn.length === 1 && alpn[0] === acmeAlpn) return isOurs ? 'acme' : undefined;
  if (alpn.length > 0 && !alpn.includes('http/1.1') && !alpn.includes('h2')) return undefined;
  return isOurs ? 'web' : undefined;
}
