// What a proxy answered to CONNECT, and what that means in words. Pure. Whoever reads it stands on a device
// behind somebody else's network, so each answer says whom to ask for what.

import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { printable } from '../core/printable.ts';
import type { OutboundProxy } from './outbound-proxy.ts';

export type ProxyAnswer =
  | { readonly state: 'more' }
  | { readonly state: 'odd' }
  | { readonly state: 'answered'; readonly status: number; readonly schemes: readonly string[] };

const statusLine = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?$/;

/** The bytes so far, as latin1. A proxy that sends anything behind its yes did not wait for us. */
export function readProxyAnswer(bytes: string): ProxyAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const lines = (end === -1 ? bytes : bytes.slice(0, end)).split('\r\n');
  const [first = ''] = lines;
  if (!'HTTP/1.'.startsWith(first.slice(0, 7))) return { state: 'odd' };
  if (end === -1) return { state: bytes.length < limits.proxyAnswerMaxBytes ? 'more' : 'odd' };
  const status = Number(statusLine.exec(first)?.[1]);
  if (Number.isNaN(status) || status < 200) return { state: 'odd' };
  if (status < 300 && bytes.length > end + 4) return { state: 'odd' };
  const schemes = lines.flatMap((line) => /^proxy-authenticate:\s*([A-Za-z0-9-]+)/i.exec(line)?.[1] ?? []);
  return { state: 'answered', status, schemes };
}

/** Why an answered CONNECT is a no. `target` is "host:port" of the broker. */
export function proxyRefusal(
  answer: { readonly status: number; readonly schemes: readonly string[] },
  proxy: OutboundProxy,
  target: string,
): SallyportError {
  const { status, schemes } = answer;
  const who = `the proxy "${printable(proxy.name)}"`;
  switch (status) {
    case 407:
      return credentialsRefused(schemes, proxy, who);
    case 403:
    case 405:
    case 501:
      return refusal(`${who} does not allow a connection to "${target}" (${status})`, [
        `ask who runs it to allow CONNECT to "${target}" without looking into it;`,
        'where only port 443 is let through, have the broker listen there',
      ]);
    case 502:
    case 503:
    case 504:
      return refusal(`${who} could not reach "${target}" (${status})`, [
        'check the address, and that the broker can be reached from where the proxy stands',
      ]);
    default:
      return refusal(`${who} answered ${status} when it was asked for "${target}"`, [
        'check that this is an HTTP proxy that knows CONNECT, and see its log',
      ]);
  }
}

function credentialsRefused(schemes: readonly string[], proxy: OutboundProxy, who: string): SallyportError {
  const isBasicOffered = schemes.length === 0 || schemes.some((scheme) => scheme.toLowerCase() === 'basic');
  if (!isBasicOffered) {
    return refusal(
      `${who} wants "${printable(schemes.join(', '), 60)}", and only Basic is spoken here (407)`,
      ['ask who runs it for an exception for this device, or for Basic credentials'],
    );
  }
  return proxy.hasCredentials
    ? refusal(`${who} does not take these credentials (407)`, ['check user and password in the proxy URL'])
    : refusal(`${who} wants credentials (407)`, [
        'put them into the proxy URL: http://USER:PASSWORD@HOST:PORT',
      ]);
}

function refusal(message: string, next: readonly string[]): SallyportError {
  return new SallyportError('unavailable', message, { next: next.join(' ') });
}
