// An HTTP proxy on the way to the broker, as people write it: "http://user:password@proxy.example.com:3128".
// Pure. Only plain http:// is spoken to the proxy itself, and only CONNECT is asked of it: what goes through
// is the broker's own TLS, end to end.

import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { printable } from '../core/printable.ts';
import type { Address } from './address.ts';

const defaultPort = 80;

export class OutboundProxy {
  readonly host: string;
  readonly port: number;
  // INVARIANT: nothing but connectHead() reads it. A private field is in no log line, error, JSON or inspect
  // output (negative test R8), whoever hands the proxy around.
  readonly #authorization: string | undefined;

  constructor(place: Address, credentials?: { readonly user: string; readonly password: string }) {
    this.host = place.host;
    this.port = place.port;
    this.#authorization =
      credentials === undefined
        ? undefined
        : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  }

  /** For people: "proxy.example.com:3128", never with credentials. */
  get name(): string {
    return hostPort(this);
  }

  get hasCredentials(): boolean {
    return this.#authorization !== undefined;
  }

  /** The request that asks for a connection to the target (RFC 9110, section 9.3.6). */
  connectHead(target: Address): string {
    const place = hostPort(target);
    const authorization =
      this.#authorization === undefined ? '' : `Proxy-Authorization: ${this.#authorization}\r\n`;
    return `CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n${authorization}\r\n`;
  }
}

/** `from` says where the text stands ("HTTPS_PROXY"). Throws `invalid`, and never says the text back. */
export function parseProxy(text: string, from: string): OutboundProxy {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http') {
    throw fault(from, `names a proxy of the kind "${printable(scheme, 20)}", and only http is spoken here`);
  }
  const whole = scheme === undefined ? `http://${text}` : text;
  const url = text.length <= limits.proxyUrlMaxLength && URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || url.hostname === '' || url.port === '0')
    throw fault(from, 'is no address of a proxy');
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw fault(from, 'has more than a host and a port');
  const user = decoded(url.username);
  const password = decoded(url.password);
  // A colon would end the user's name (RFC 7617), a control character the header.
  if (user === undefined || password === undefined || /[\p{Cc}:]/u.test(user) || /\p{Cc}/u.test(password))
    throw fault(from, 'carries credentials that cannot be sent');
  const place = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort : Number(url.port),
  };
  return new OutboundProxy(place, user === '' && password === '' ? undefined : { user, password });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function hostPort({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function fault(from: string, what: string): SallyportError {
  return new SallyportError('invalid', `${from} ${what}`, {
    next: 'write it as http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with what is special in it percent-encoded',
  });
}
