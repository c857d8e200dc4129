// The way out that `agent join --proxy` or `--no-proxy` chose, kept beside the state for the runs that follow:
// a service has none of the environment that a person set. One line in a private file, "http://…" or "none",
// which its owner may change by hand; the agent reads it when it starts. Without the file the environment
// counts.

import { join } from 'node:path';
import { SallyportError } from '../core/errors.ts';
import { parseAddress } from '../link/address.ts';
import { chooseProxy, type ChosenProxy, type Environment, type GivenProxy } from '../link/choose-proxy.ts';
import { ensurePrivateDir, readPrivateFile, writeFileAtomic } from '../platform/files.ts';

export interface ProxyFlags {
  readonly proxy?: string | undefined;
  readonly noProxy?: boolean | undefined;
}

const direct = 'none';

export function proxyPath(dir: string): string {
  return join(dir, 'proxy');
}

export function refuseBoth({ proxy, noProxy }: ProxyFlags): void {
  if (proxy === undefined || noProxy !== true) return;
  throw new SallyportError('invalid', '"--proxy" and "--no-proxy" contradict each other', {
    next: 'give one of them, or none to go by the environment',
  });
}

/** What the flags say; undefined: nothing. */
export function givenProxy({ proxy, noProxy }: ProxyFlags): GivenProxy | undefined {
  if (noProxy === true) return { url: undefined, from: '--no-proxy' };
  return proxy === undefined ? undefined : { url: proxy, from: '--proxy' };
}

/** The flags, else what is kept, else the environment. Throws in words when that cannot be used. */
export async function findProxy(
  address: string,
  facts: { readonly dir: string; readonly flags?: ProxyFlags; readonly env: Environment },
): Promise<ChosenProxy> {
  const given = givenProxy(facts.flags ?? {}) ?? (await keptProxy(facts.dir));
  return chooseProxy(parseAddress(address), { given, env: facts.env });
}

export async function keepProxy(dir: string, given: GivenProxy): Promise<void> {
  await ensurePrivateDir(dir);
  await writeFileAtomic(proxyPath(dir), `${given.url ?? direct}\n`);
}

async function keptProxy(dir: string): Promise<GivenProxy | undefined> {
  const path = proxyPath(dir);
  const line = (await readPrivateFile(path))?.toString('utf8').trim();
  if (line === undefined) return undefined;
  const from = `"${path}"`;
  return line === direct ? { url: undefined, from } : { url: line, from };
}
