// Which proxy, if any, leads to an address: what was said on purpose, else the environment as other programs
// read it (https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, and no_proxy, NO_PROXY against them). Pure.

import { isLocalhost, isLoopback, parseIp } from '../core/destination.ts';
import { proxyVariables } from '../core/proxy-variables.ts';
import type { Address } from './address.ts';
import { exemptBy } from './no-proxy.ts';
import { parseProxy, type OutboundProxy } from './outbound-proxy.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Said on purpose: a URL, or that there is none. */
export type GivenProxy =
  | { readonly url: string; readonly from: string }
  | { readonly url: undefined; readonly from: string };

export interface ChosenProxy {
  readonly proxy: OutboundProxy | undefined;
  /** Who said so, for people: `HTTPS_PROXY`, `NO_PROXY (".example.com")`, `--proxy`. */
  readonly from: string;
}

/** Throws `invalid`, in words, when what is set cannot be used. */
export function chooseProxy(
  address: Address,
  facts: { readonly given?: GivenProxy | undefined; readonly env: Environment },
): ChosenProxy {
  const { given, env } = facts;
  if (given !== undefined) {
    const { url, from } = given;
    return { proxy: url === undefined ? undefined : parseProxy(url, from), from };
  }
  const set = firstSet(env, proxyVariables);
  if (set === undefined) return { proxy: undefined, from: 'no proxy is set' };
  if (isHere(address.host)) return { proxy: undefined, from: `"${address.host}" is this machine` };
  const except = firstSet(env, ['no_proxy', 'NO_PROXY']);
  const entry = except === undefined ? undefined : exemptBy(address, except.value);
  if (except !== undefined && entry !== undefined)
    return { proxy: undefined, from: `${except.name} ("${entry}")` };
  return { proxy: parseProxy(set.value, set.name), from: set.name };
}

/** What is empty is not set. */
function firstSet(
  env: Environment,
  names: readonly string[],
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}

function isHere(host: string): boolean {
  const address = parseIp(host);
  return address === undefined ? isLocalhost(host.toLowerCase()) : isLoopback(address);
}
