// Typed calls to /v1 as the signed-in identity.

import { fillPath, splitKey, type Answer, type CallInput, type RouteKey } from '../api/call.ts';
import { apiRequest } from '../link/api-client.ts';
import type { SignIn } from './profile.ts';
import { proxyTo } from './proxy.ts';

export type { Answer, RouteKey } from '../api/call.ts';

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One call as the signed-in identity. Throws the broker's problem as a SallyportError. */
export async function call<K extends RouteKey>(
  me: SignIn,
  key: K,
  input: CallInput<K>,
  options: CallOptions = {},
): Promise<Answer<K>> {
  const [method, path] = splitKey(key);
  const { body } = await apiRequest({
    address: me.broker,
    also: me.also,
    proxy: await proxyTo(me.broker),
    root: me.root,
    trustDomain: me.trustDomain,
    key: me.keyPem,
    cert: me.certificate,
    method,
    path: fillPath(path, input),
    ...(input.body === undefined ? {} : { body: input.body }),
    ...options,
  });
  // INVARIANT: the broker was authenticated as our authority, and its serializer holds to the contract.
  return body as Answer<K>;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** Every item of a paged list, or the first `max` of them. `ask` fetches one page. */
export async function allPages<T>(
  ask: (page: { readonly after?: string; readonly limit: number }) => Promise<Page<T>>,
  max: number = Infinity,
): Promise<readonly T[]> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    const limit = Math.min(pageSize, max - items.length);
    const page = await ask({ limit, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined && items.length < max);
  return items.slice(0, max === Infinity ? undefined : max);
}

/** A page costs one connection; the api gives at most 1,000 (limits.apiPageMax). */
const pageSize = 500;
