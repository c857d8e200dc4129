// The proxy that leads from an operator's machine to the broker: as the environment says.

import { proxyVariables } from '../core/proxy-variables.ts';
import type { ChosenProxy } from '../link/choose-proxy.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';

export function isProxySet(): boolean {
  return proxyVariables.some((name) => Boolean(process.env[name]));
}

/** Throws `invalid`, in words, when what is set cannot be used. */
export async function proxyTo(broker: string): Promise<OutboundProxy | undefined> {
  // Most machines have none, and then no command pays for reading the rules.
  return isProxySet() ? (await chosenProxy(broker)).proxy : undefined;
}

/** The same, with who said so. */
export async function chosenProxy(broker: string): Promise<ChosenProxy> {
  const [{ parseAddress }, { chooseProxy }] = await Promise.all([
    import('../link/address.ts'),
    import('../link/choose-proxy.ts'),
  ]);
  return chooseProxy(parseAddress(broker), { env: process.env });
}
