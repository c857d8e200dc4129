// Typed calls to /v1. Methods, paths, bodies and answers are those of api/routes.ts, taken as types only:
// loading the schemas themselves would double the time that a short command takes.

import type { z } from 'zod';
import type { RouteName, routes } from '../api/routes.ts';
import { apiRequest } from '../link/api-client.ts';
import type { SignIn } from './profile.ts';
import { proxyTo } from './proxy.ts';

type Routes = typeof routes;
type KeyOf<N extends RouteName> = `${Routes[N]['method']} ${Routes[N]['path']}`;
/** "GET /v1/devices/:id". */
export type RouteKey = { [N in RouteName]: KeyOf<N> }[RouteName];
type RouteOf<K extends RouteKey> = {
  [N in RouteName]: KeyOf<N> extends K ? Routes[N] : never;
}[RouteName];
type Part<R, P extends string> = R extends { readonly [Q in P]: infer S extends z.ZodType }
  ? { readonly [Q in P]: z.input<S> }
  : { readonly [Q in P]?: undefined };

export type Answer<K extends RouteKey> = z.output<RouteOf<K>['response']>;
export type CallInput<K extends RouteKey> = Part<RouteOf<K>, 'params'> &
  Part<RouteOf<K>, 'body'> &
  (RouteOf<K> extends { readonly query: infer S extends z.ZodType }
    ? { readonly query?: z.input<S> }
    : { readonly query?: undefined });

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

function splitKey(key: RouteKey): readonly ['GET' | 'POST' | 'DELETE', string] {
  const at = key.indexOf(' ');
  return [key.slice(0, at) as 'GET' | 'POST' | 'DELETE', key.slice(at + 1)];
}

function fillPath(path: string, input: { readonly params?: unknown; readonly query?: unknown }): string {
  const params = (input.params ?? {}) as Readonly<Record<string, string>>;
  const filled = path.replace(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((input.query ?? {}) as Readonly<Record<string, unknown>>)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) query.append(name, String(one));
    }
  }
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
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
