// A call of /v1 as its caller writes it: "GET /v1/devices/:id" with what goes in and what comes out, all taken from
// routes.ts as types only. Loading the schemas themselves would double the time that a short command takes, and the
// size of the console.

import type { z } from 'zod';
import type { RouteName, routes } from './routes.ts';

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

export function splitKey(key: RouteKey): readonly ['GET' | 'POST' | 'DELETE', string] {
  const at = key.indexOf(' ');
  return [key.slice(0, at) as 'GET' | 'POST' | 'DELETE', key.slice(at + 1)];
}

export function fillPath(
  path: string,
  input: { readonly params?: unknown; readonly query?: unknown },
): string {
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
